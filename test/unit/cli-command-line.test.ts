import { describe, expect, it } from 'vitest'
import { readCommandLine, readDefine } from '../../lib/cli/command-line'
import { UsageError } from '../../lib/cli/usage-error'

const ALL = ['define', 'control', 'file', 'modules', 'local', 'xml'] as const

describe('words and options of the command (CN-04)', () => {
  it('takes options in every spelling, before and behind words', () => {
    const argv = [
      'app.conf',
      '-D',
      'Key=1',
      '-DDomain:a.b.Key=2',
      '--define=X=3',
      '--modules',
      'a',
      '--modules=b',
    ]
    expect(readCommandLine('run', argv, ALL)).toEqual({
      words: ['app.conf'],
      defines: [
        { path: 'Key', text: '1' },
        { path: 'Domain:a.b.Key', text: '2' },
        { path: 'X', text: '3' },
      ],
      control: undefined,
      file: undefined,
      modules: ['a', 'b'],
      local: undefined,
      localOnly: false,
      xml: false,
      help: false,
    })
    expect(readCommandLine('x', ['-c', 's', '-ff.conf', '--xml', '-h'], ALL)).toMatchObject({
      control: 's',
      file: 'f.conf',
      xml: true,
      help: true,
    })
  })

  it('takes options of the top by their names, in the order of all others (CX-20)', () => {
    const argv = ['--drain-timeout', '3s', '-D', 'Drain_Timeout=4s', '--user=a=b', 'app.conf']
    expect(readCommandLine('run', argv, ALL)).toMatchObject({
      words: ['app.conf'],
      defines: [
        { path: 'Drain_Timeout', text: '3s' },
        { path: 'Drain_Timeout', text: '4s' },
        { path: 'User', text: 'a=b' },
      ],
    })
    expect(() => readCommandLine('console', ['--drain-timeout', '3s'], ['control'])).toThrow(UsageError)
    expect(() => readCommandLine('run', ['-drain-timeout', '3s'], ALL)).toThrow(UsageError)
    expect(() => readCommandLine('run', ['--drain-timeout'], ALL)).toThrow(/takes a value/)
  })

  it('leaves words for the other side alone from the first on', () => {
    const argv = ['--xml', 'set', 'A.b', '-1', '--xml']
    expect(readCommandLine('config', argv, ALL, true)).toMatchObject({
      words: ['set', 'A.b', '-1', '--xml'],
      xml: true,
    })
    expect(readCommandLine('config', ['--', '--xml'], ALL, true)).toMatchObject({
      words: ['--xml'],
      xml: false,
    })
    expect(readCommandLine('run', ['-'], ALL).words).toEqual(['-'])
  })

  it.each([
    [['--nothing'], /knows no option --nothing/],
    [['-z1'], /knows no option -z1/],
    [['--control'], /--control takes a value/],
    [['--control='], /takes a value/],
    [['--xml=yes'], /--xml takes no value/],
    [['-D', 'Key'], /-D takes path=value, not 'Key'/],
    [['-D', '=1'], /-D takes path=value/],
    [['-D'], /-D takes a value/],
  ])('refuses %j', (argv, message) => {
    expect(() => readCommandLine('run', argv, ALL)).toThrow(UsageError)
    expect(() => readCommandLine('run', argv, ALL)).toThrow(message)
  })

  it('refuses an option that another command has', () => {
    expect(() => readCommandLine('version', ['-D', 'a=1'], [])).toThrow(/heddle version knows no option -D/)
  })

  it('finds the equals sign behind names in quotation marks (CX-20)', () => {
    expect(readDefine('Route "GET /?a=b".Handler=./x.mjs#y')).toEqual({
      path: 'Route "GET /?a=b".Handler',
      text: './x.mjs#y',
    })
    expect(readDefine('Key=')).toEqual({ path: 'Key', text: '' })
    expect(readDefine('Key=a=b')).toEqual({ path: 'Key', text: 'a=b' })
    expect(() => readDefine('Route "a=b')).toThrow(UsageError)
  })
})
