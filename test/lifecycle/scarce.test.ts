import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

/** Exit code, what the program printed, and its errors. */
async function play(scenario: string) {
  const args = ['test/lifecycle/programs/scarce.mjs', scenario]
  const program = new Program(args, { HEDDLE_BACKEND: 'native' }, { descriptors: 128 })
  programs.push(program)
  const code = await program.exit()
  const report = program.stdout === '' ? undefined : (JSON.parse(program.stdout) as unknown)
  return { code, report, stderr: program.stderr }
}

describe('engines of the addon', () => {
  it('say EMFILE without descriptors for them, leave none behind, and can be had later (LS-10)', async () => {
    const report = { codes: ['EMFILE', 'EMFILE'], leftOver: 0 }
    expect(await play('descriptors')).toEqual({ code: 0, report, stderr: '' })
  })

  it('tell users of the package with an error of its own', async () => {
    const message = "EMFILE: no descriptor for the loop's multiplexer"
    expect(await play('eventer')).toEqual({
      code: 0,
      report: { typed: true, code: 'EMFILE', message },
      stderr: '',
    })
  })

  it('answer EBADF to everything from the moment they are closed', async () => {
    expect(await play('closed')).toEqual({ code: 0, report: { calls: true, unlike: [] }, stderr: '' })
  })

  it('are refused where the program has taken the clock away, with what it threw', async () => {
    const report = { codes: ['TypeError', 'EINVAL', 'EINVAL', 'SyntaxError'] }
    expect(await play('clock')).toEqual({ code: 0, report, stderr: '' })
  })

  it.runIf(process.platform === 'linux')(
    'end a connection whose block there is no memory for, and send nothing behind the gap (MT-18)',
    async () => {
      const stream = { code: 'ENOMEM', isBeginning: true, hasEnd: false }
      const response = { isBeginning: true, hasEnd: false }
      expect(await play('blocks')).toEqual({ code: 0, report: { stream, response }, stderr: '' })
    },
  )

  it('send nothing of a buffer that was transferred away while it waited: EFAULT', async () => {
    const report = { code: 'EFAULT', foreign: 0, before: true }
    expect(await play('transferred')).toEqual({ code: 0, report, stderr: '' })
  })
})
