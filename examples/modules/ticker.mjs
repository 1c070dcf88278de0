// A module in its smallest form: an option of its own, and a timer that follows it at each reload.
import { defineModule, defineOption, Eventer } from 'heddle'

export default defineModule({
  name: 'ticker',
  description: 'Counts, so that there is a timer to look at.',
  singleton: true,
  options: { interval: defineOption({ type: 'int', default: '1000' }) },
  confSetup() {},
  extInit(self, txn, _output, { privileged }) {
    // The first call at the start is for what needs privileges; there are no loops yet.
    if (privileged) return
    const interval = self.fetchAtInit(txn, 'interval')
    self.privateData ??= startTicking()
    self.privateData.interval = interval.value
    interval.release()
  },
  control(self, response) {
    response.push(`${self.privateData.ticks} ticks\n`)
  },
})

function startTicking() {
  const state = { ticks: 0, interval: 1000 }
  const eventer = Eventer.current()
  const tick = (event, _mask, _closure, now) => {
    state.ticks++
    eventer.updateWhence(event, now + state.interval)
    return 1
  }
  eventer.nameCallback('example/tick', tick)
  eventer.addIn(state.interval, tick)
  return state
}
