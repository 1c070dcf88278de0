import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteQueue } from '../../lib/io/byte-queue'

const bytes = (max: number) => fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: max })
const step = fc.oneof(
  fc.record({ push: bytes(1500) }),
  fc.record({ push: bytes(3) }),
  fc.record({ take: fc.nat(2000) }),
  fc.record({ unshift: bytes(20) }),
  fc.record({ find: fc.constantFrom('\n', 'ab', 'a\nb', 'bbbb'), from: fc.nat(3000) }),
  fc.constant('shift' as const),
)

describe('the queue of unread input', () => {
  test('LS-01 behaves like one long string, whatever the chunks', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ByteQueue()
        let model = ''
        for (const each of steps) {
          if (each === 'shift') {
            const chunk = String(queue.shift() ?? '')
            expect(model.startsWith(chunk)).toBe(true)
            expect(chunk.length > 0).toBe(model.length > 0)
            model = model.slice(chunk.length)
          } else if ('push' in each) {
            queue.push(Buffer.from(each.push))
            model += each.push
          } else if ('unshift' in each) {
            queue.unshift(Buffer.from(each.unshift))
            model = each.unshift + model
          } else if ('take' in each) {
            const count = Math.min(each.take, model.length)
            expect(String(queue.take(count))).toBe(model.slice(0, count))
            model = model.slice(count)
          } else {
            const from = Math.min(each.from, model.length)
            expect(queue.indexOf(Buffer.from(each.find), from - 1)).toBe(
              model.indexOf(each.find, Math.max(0, from - 1)),
            )
          }
          expect(queue.size).toBe(model.length)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('LS-10 a sender of single bytes makes few chunks', () => {
    const queue = new ByteQueue()
    for (let i = 0; i < 65536; i++) queue.push(Buffer.from('x'))
    let chunks = 0
    while (queue.shift() !== undefined) chunks++
    expect(chunks).toBe(64)
  })
})
