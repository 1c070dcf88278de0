import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { aco } from '../../lib/aco'
import { memory, type SafeBlock, safe, SmrError } from '../../lib/memory'
import { codeOf, failure, withAco } from './aco-harness'

const pending = () => safe.stats().freesRequested - safe.stats().freesCompleted
const text = (block: SafeBlock) => Buffer.from(block.view()).toString()

// What is reclaimed when is under the control of the cases.
beforeEach(() => memory.configure({ smr: { asynch: false } }))
afterEach(async () => {
  await safe.maintain('barrier')
  expect(pending()).toBe(0)
})

/** Reclaims whatever can be had, from outside of every callback of the loop. */
async function reclaim(): Promise<number> {
  await new Promise(setImmediate)
  return safe.maintain('try')
}

describe('sections of coroutines', () => {
  it('AC-30 A-AC-24 what is freed while a coroutine sleeps inside one stays until it leaves', () =>
    withAco(async () => {
      const block = safe.fromString('still here')
      const co = aco.start(async (self) => {
        const section = self.section()
        const view = block.view()
        await self.park()
        const seen = Buffer.from(view).toString()
        section.end()
        return seen
      })
      block.free()
      expect(safe.inSection()).toBe(false)
      expect(await reclaim()).toBe(-1)
      expect(pending()).toBe(1)
      aco.unpark(co)
      expect(await co.done).toBe('still here')
      expect(await reclaim()).toBe(1)
      expect(pending()).toBe(0)
    }))

  it('AC-30 A-AC-24 the section of another coroutine is unaffected', () =>
    withAco(async () => {
      const block = safe.fromString('of A')
      const a = aco.start(async (self) => {
        const outer = self.section()
        const inner = self.section()
        const view = block.view()
        await self.park()
        inner.end()
        await self.park()
        expect(Buffer.from(view).toString()).toBe('of A')
        outer[Symbol.dispose]()
        outer[Symbol.dispose]()
      })
      const b = aco.start(async (self) => {
        for (let turn = 0; turn < 3; turn++) {
          const section = self.section()
          await self.park()
          section.end()
        }
      })
      block.free()
      for (const co of [b, b, a, b]) {
        aco.unpark(co)
        await new Promise(setImmediate)
        expect(await reclaim()).toBe(-1)
      }
      await b.done
      aco.unpark(a)
      await a.done
      expect(await reclaim()).toBe(1)
    }))

  it('AC-30 a level that has ended holds nothing back, while its coroutine waits on', () =>
    withAco(async () => {
      const co = aco.start(async (self) => {
        const section = self.section()
        section.end()
        await self.park()
      })
      safe.alloc(10).free()
      expect(await reclaim()).toBe(1)
      aco.unpark(co)
      await co.done
    }))

  it('AC-30 A-AC-24 ending inside one is ERR_SMR_SECTION_LEAK, and the section ends', () =>
    withAco(async (bench) => {
      const reports: Error[] = []
      bench.eventer.on('error', (error) => reports.push(error as Error))
      const leaky = aco.start(
        async (self) => {
          self.section()
          self.section()
          await self.sleep(0)
        },
        undefined,
        { name: 'leaky' },
      )
      const error = await failure(leaky.done)
      expect(error).toBeInstanceOf(SmrError)
      expect(error).toMatchObject({
        code: 'ERR_SMR_SECTION_LEAK',
        message: 'leaky ended inside 2 levels of section',
      })
      expect(reports).toEqual([])
      let section: { end(): void } | undefined
      aco.start((self) => {
        section = self.section()
        self.exit()
      })
      const failing = aco.start(async (self) => {
        self.section()
        throw new Error('and this')
      })
      expect((await failure(failing.done)).message).toBe('and this')
      await bench.until(() => reports.length === 2)
      expect(reports.map((report) => (report as Error & { code: string }).code)).toEqual([
        'ERR_SMR_SECTION_LEAK',
        'ERR_SMR_SECTION_LEAK',
      ])
      expect(codeOf(() => section?.end())).toBe('ERR_CLOSED')
      safe.alloc(10).free()
      expect(await reclaim()).toBe(1)
    }))

  it('AC-30 misuse of a section', () =>
    withAco(async () => {
      const co = aco.start((self) => {
        const section = self.section()
        section.end()
        return codeOf(() => section.end())
      })
      expect(await co.done).toBe('ERR_SMR_UNBALANCED')
      expect(codeOf(() => co.section())).toBe('ECANCELED')
      const block = safe.fromString('x')
      expect(text(block)).toBe('x')
      block.free()
    }))
})
