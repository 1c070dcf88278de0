// The skeleton of a module: options, private data, a hook of its own, commands, and every call of its life.
import { defineModule, defineOption } from 'heddle'

export default defineModule({
  name: 'hello',
  description: 'Greets whoever asks.',
  // One object a generation: data and providers of an old one end with its last reader, and nothing has to be locked.
  singleton: false,
  options: {
    // In any scope: `heddle ecm-gen hello.ecm` writes the lines of the manifest that say so.
    greeting: defineOption({ type: 'string', fallback: 'Domain>Global', default: 'Hello' }),
    // In the stanza of the module.
    times: defineOption({ type: 'int', default: '1', validate: ({ value }) => value > 0 && value <= 10 }),
  },

  // Once, when the code is loaded: what outlives generations is declared here.
  confSetup(self) {
    self.hooks.declare('hello', 'greet', { default: '' })
    return 0
  },

  extInit(self, txn, output, { mode, privileged }) {
    if (mode === 'destroy') {
      self.privateData = undefined
      return 0
    }
    // At the start there is a second call, `postinit`, without privileges. A reload has this one only.
    if (mode === 'init' && privileged) return 0
    read(self.fetchAtInit(txn, 'greeting'), (greeting) =>
      read(self.fetchAtInit(txn, 'times'), (times) => {
        self.privateData = { greeting: greeting.value, times: times.value, asked: 0 }
      }),
    )
    self.hooks.register('hello', 'greet', 'last', greet, self)
    output.push(`ready to say ${self.privateData.greeting}`)
    return 0
  },

  control(self, response, command) {
    const { greeting, times, asked } = self.privateData
    if (command === 'status') response.fields({ greeting, times, asked })
    else response.fail(`hello knows no command ${command}; try status\n`)
  },
})

/** A provider: its closure is the object of the module that is valid for this call. */
function greet(self, name) {
  const data = self.privateData
  data.asked += 1
  return Array.from({ length: data.times }, () => `${data.greeting}, ${name}!`).join(' ')
}

/** Values keep their generation until they are released. `using value = …` does this in newer versions of Node. */
function read(value, use) {
  try {
    use(value)
  } finally {
    value.release()
  }
}
