import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Eventer, HeddleError, type NativeJobs } from '../../lib'
import { temporaryFolder } from '../temporary-folder'
import { backend } from './eventer-harness'
import { settled } from './jobq-harness'

let folder: string
let eventer: Eventer
let jobs: NativeJobs

beforeAll(() => {
  folder = temporaryFolder()
})
beforeEach(async () => {
  eventer = await Eventer.init({ backend })
  eventer.start()
  jobs = eventer.jobqs.nativeJobs
})
afterEach(() => eventer[Symbol.asyncDispose]())

const at = (name: string) => join(folder, name)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
/** Larger than a block and than one piece. */
const large = randomBytes(2_500_000)

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const failed: unknown = await promise.then(
    (value) => value,
    (error: unknown) => error,
  )
  expect(failed).toBeInstanceOf(HeddleError)
  return (failed as HeddleError).code
}

describe('native jobs for files', () => {
  it.each([0, 1, 8, 9, 1000, 16_384, 16_385, 2_500_000])('write and read %d bytes (JQ-01)', async (size) => {
    const path = at('sizes')
    const bytes = large.subarray(0, size)
    expect(await jobs.writeFile(path, bytes)).toBe(size)
    expect(Buffer.compare(fs.readFileSync(path), bytes)).toBe(0)
    const read = await jobs.readFile(path)
    expect(Object.getPrototypeOf(read)).toBe(Uint8Array.prototype)
    expect(Buffer.compare(read, bytes)).toBe(0)
  })

  it("give bytes that are the caller's own", async () => {
    await jobs.writeFile(at('own'), 'abc')
    const [first, second] = await Promise.all([jobs.readFile(at('own')), jobs.readFile(at('own'))])
    first.fill(0)
    expect(text(second)).toBe('abc')
  })

  it('read a part, up to the end', async () => {
    await jobs.writeFile(pathToFileURL(at('part')), '0123456789')
    expect(text(await jobs.readFile(at('part'), { offset: 3, length: 4 }))).toBe('3456')
    expect(text(await jobs.readFile(at('part'), { offset: 8, length: 100 }))).toBe('89')
    expect(text(await jobs.readFile(at('part'), { offset: 3 }))).toBe('3456789')
    expect(text(await jobs.readFile(at('part'), { offset: 10 }))).toBe('')
    expect(text(await jobs.readFile(at('part'), { offset: 1_000_000 }))).toBe('')
    expect(text(await jobs.readFile(at('part'), { length: 0 }))).toBe('')
  })

  it('read no more than allowed, and as much', async () => {
    await jobs.writeFile(at('limit'), '0123456789')
    expect(await codeOf(jobs.readFile(at('limit'), { maxBytes: 9 }))).toBe('EFBIG')
    expect((await jobs.readFile(at('limit'), { maxBytes: 10 })).length).toBe(10)
    expect((await jobs.readFile(at('limit'), { length: 9, maxBytes: 9 })).length).toBe(9)
    expect((await jobs.readFile(at('limit'), { offset: 1, maxBytes: 9 })).length).toBe(9)
    expect(await codeOf(jobs.readFile('/dev/zero', { maxBytes: 100_000 }))).toBe('EFBIG')
    expect((await jobs.readFile('/dev/zero', { length: 100_000 })).length).toBe(100_000)
  })

  it.runIf(process.platform === 'linux')('read files that do not know their size', async () => {
    expect(text(await jobs.readFile('/proc/self/status'))).toMatch(/^Name:/)
    // These answer one reading only.
    for (const name of ['pid_max', 'ostype', 'random/boot_id', 'printk', 'cap_last_cap']) {
      const path = `/proc/sys/kernel/${name}`
      expect(text(await jobs.readFile(path)), name).toBe(fs.readFileSync(path, 'utf8'))
    }
  })

  it('tell times long before and after ours as fs does', async () => {
    for (const year of ['1600', '1901', '1969', '2262', '2400']) {
      const time = new Date(`${year}-12-31T23:59:59.123Z`)
      await jobs.writeFile(at('times'), '')
      fs.utimesSync(at('times'), time, time)
      const { mtimeMs, atimeMs } = fs.statSync(at('times'))
      expect(await jobs.stat(at('times')), year).toMatchObject({ mtimeMs, atimeMs })
    }
  })

  it('append, and make new files only', async () => {
    await jobs.writeFile(at('kinds'), 'one', { exclusive: true, mode: 0o640 })
    expect(fs.statSync(at('kinds')).mode & 0o700).toBe(0o600)
    expect(await codeOf(jobs.writeFile(at('kinds'), 'x', { exclusive: true }))).toBe('EEXIST')
    expect(await codeOf(jobs.writeFile(at('kinds'), 'x', { exclusive: true, atomic: true }))).toBe('EEXIST')
    expect(await jobs.writeFile(at('kinds'), ', zwölf', { append: true })).toBe(8)
    expect(fs.readFileSync(at('kinds'), 'utf8')).toBe('one, zwölf')
    await jobs.writeFile(at('fresh'), 'new', { exclusive: true, atomic: true, sync: true })
    expect(fs.readFileSync(at('fresh'), 'utf8')).toBe('new')
  })

  it('replace atomically: permissions and links stay, nothing is left behind', async () => {
    const own = at('atomic')
    fs.mkdirSync(own)
    const path = join(own, 'a')
    const link = join(own, 'link')
    fs.writeFileSync(path, 'old')
    fs.chmodSync(path, 0o604)
    fs.symlinkSync('a', link)
    await jobs.writeFile(link, 'new', { atomic: true, sync: true })
    expect(fs.readFileSync(path, 'utf8')).toBe('new')
    expect(fs.statSync(path).mode & 0o777).toBe(0o604)
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true)
    await jobs.writeFile(path, 'newer', { atomic: true, mode: 0o600 })
    expect(fs.statSync(path).mode & 0o777).toBe(0o600)
    expect(await codeOf(jobs.writeFile(own, 'x', { atomic: true }))).toBe('EISDIR')
    expect(fs.readdirSync(own).sort()).toEqual(['a', 'link'])
  })

  it('fail as the system says, with the path (A-AS-4)', async () => {
    const failed: unknown = await jobs.readFile(at('none')).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(HeddleError)
    expect(failed).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'readFile', path: at('none') })
    expect((failed as Error).message).toBe(`ENOENT: no such file or directory, readFile '${at('none')}'`)
    expect(await codeOf(jobs.stat(at('none')))).toBe('ENOENT')
    expect(await codeOf(jobs.writeFile(at('none/x'), 'x'))).toBe('ENOENT')
    expect(await codeOf(jobs.writeFile(at('none/x'), 'x', { atomic: true }))).toBe('ENOENT')
    expect(await codeOf(jobs.readFile(folder))).toBe('EISDIR')
    expect(await codeOf(jobs.writeFile(folder, 'x'))).toBe('EISDIR')
    fs.writeFileSync(at('plain'), '')
    expect(await codeOf(jobs.readFile(at('plain/x')))).toBe('ENOTDIR')
    expect(await codeOf(jobs.readFile(`/${'x'.repeat(5000)}`))).toBe('ENAMETOOLONG')
  })

  it.runIf(process.platform === 'linux')('say that a disk is full', async () => {
    const failed: unknown = await jobs.writeFile('/dev/full', 'x').catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'ENOSPC', syscall: 'writeFile', path: '/dev/full' })
  })

  it.skipIf(process.getuid?.() === 0)('say what the user may not', async () => {
    fs.writeFileSync(at('secret'), 'x', { mode: 0 })
    expect(await codeOf(jobs.readFile(at('secret')))).toBe('EACCES')
  })

  it('wait for nobody behind a pipe', async () => {
    const pipe = at('pipe')
    execFileSync('mkfifo', [pipe])
    expect(await codeOf(jobs.readFile(pipe))).toBe('ESPIPE')
    expect(await codeOf(jobs.writeFile(pipe, 'x'))).toBe('ENXIO')
    expect(await codeOf(jobs.writeFile(pipe, 'x', { atomic: true }))).toBe('ESPIPE')
    expect(await jobs.stat(pipe)).toMatchObject({ kind: 'pipe' })
  })

  it('tell the status that node:fs tells', async () => {
    await jobs.writeFile(at('status'), '0123456789')
    fs.symlinkSync('status', at('link'))
    for (const [path, kind] of [
      [at('status'), 'file'],
      [at('link'), 'file'],
      [folder, 'folder'],
      ['/dev/null', 'device'],
    ] as const) {
      const { kind: found, ...numbers } = await jobs.stat(path)
      expect(found).toBe(kind)
      const { atimeMs, ...rest } = numbers
      expect(fs.statSync(path)).toMatchObject(rest)
      expect(atimeMs).toBeGreaterThan(0)
    }
    expect(await jobs.stat(at('link'), { followLink: false })).toMatchObject({ kind: 'link' })
  })
})

describe('native jobs for hosts', () => {
  it('find addresses and this machine without a network', async () => {
    expect(await jobs.lookup('127.0.0.1')).toEqual([{ address: '127.0.0.1', family: 4 }])
    expect(await jobs.lookup('::1', { family: 6 })).toEqual([{ address: '::1', family: 6 }])
    const expected = await lookup('localhost', { all: true, family: 4 })
    expect(await jobs.lookup('localhost', { family: 4 })).toEqual(expected)
  })

  it('say that there is no such host', async () => {
    const failed: unknown = await jobs.lookup('no such host').catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(HeddleError)
    expect((failed as HeddleError).code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/)
    expect((failed as HeddleError).syscall).toBe('lookup')
    const mixed: unknown = await jobs.lookup('127.0.0.1', { family: 6 }).catch((error: unknown) => error)
    expect(mixed).toMatchObject({ code: 'ENOTFOUND', syscall: 'lookup' })
  })
})

describe('native jobs for checksums', () => {
  it.each([
    ['', 0],
    ['123456789', 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, n) => n), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, n) => 31 - n), 0x113fdb5c],
  ])('compute CRC-32C as RFC 3720 does (%#)', async (data, expected) => {
    expect(await jobs.crc32c(data)).toBe(expected)
  })

  it('go on from an earlier CRC-32C', async () => {
    const whole = await jobs.crc32c(large)
    const first = await jobs.crc32c(large.subarray(0, 1_234_567))
    expect(await jobs.crc32c(large.subarray(1_234_567), { crc: first })).toBe(whole)
  })

  it.each(['md5', 'sha1', 'sha224', 'sha256', 'SHA512', 'sha3-256', 'RSA-SHA256', 'blake2b512'])(
    'compute %s as node:crypto does',
    async (name) => {
      for (const data of [Buffer.from('abc'), Buffer.alloc(0), large]) {
        expect(hex(await jobs.digest(name, data))).toBe(createHash(name).update(data).digest('hex'))
      }
    },
  )

  it('know the answers of the standards', async () => {
    expect(hex(await jobs.digest('sha256', 'abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
    expect(hex(await jobs.digest('sha1', 'abc'))).toBe('a9993e364706816aba3e25717850c26c9cd0d89d')
  })

  it('refuse a digest that is not there, and ones without a length', async () => {
    expect(await codeOf(jobs.digest('no such digest', 'abc'))).toBe('EINVAL')
    expect(await codeOf(jobs.digest('shake128', 'abc'))).toBe('EINVAL')
  })
})

describe('native jobs for compression', () => {
  const pairs = [
    ['gzip', 'gunzip', zlib.gzipSync, zlib.gunzipSync],
    ['deflate', 'inflate', zlib.deflateSync, zlib.inflateSync],
    ['deflateRaw', 'inflateRaw', zlib.deflateRawSync, zlib.inflateRawSync],
  ] as const

  it.each(pairs)('%s and %s understand node:zlib, and it them', async (small, back, nodeSmall, nodeBack) => {
    const inputs = [Buffer.alloc(0), Buffer.from('hello hello hello'), Buffer.alloc(3_000_000, 'x'), large]
    for (const data of inputs) {
      for (const level of [0, 1, 9, -1]) {
        const packed = await jobs[small](data, { level })
        expect(Buffer.compare(nodeBack(packed), data)).toBe(0)
      }
      expect(Buffer.compare(await jobs[back](nodeSmall(data)), data)).toBe(0)
    }
  })

  it('any bytes come back, and any bytes are no stream or the one that node:zlib reads', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom(...pairs), async (data, pair) => {
        const [small, back, , nodeBack] = pair
        expect(Buffer.compare(await jobs[back](await jobs[small](data)), data)).toBe(0)
        const ours = await jobs[back](data).then(hex, () => 'no stream')
        let theirs = 'no stream'
        try {
          theirs = hex(nodeBack(data))
        } catch {}
        expect(ours).toBe(theirs)
      }),
      { numRuns: 60 },
    )
  })

  it('a bomb goes no further than allowed', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(20_000_000))
    expect(bomb.length).toBeLessThan(30_000)
    const failed: unknown = await jobs.gunzip(bomb, { maxBytes: 1_000_000 }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'EFBIG', syscall: 'gzip inflate' })
    expect((await jobs.gunzip(bomb, { maxBytes: 20_000_000 })).length).toBe(20_000_000)
    expect(await codeOf(jobs.gunzip(zlib.gzipSync('abc'), { maxBytes: 2 }))).toBe('EFBIG')
    expect(await codeOf(jobs.gunzip(zlib.gzipSync('abc'), { maxBytes: 0 }))).toBe('EFBIG')
    expect((await jobs.gunzip(zlib.gzipSync(''), { maxBytes: 0 })).length).toBe(0)
  })

  it('says what is wrong with the input', async () => {
    const whole = zlib.gzipSync(randomBytes(5000))
    for (const end of [1, 9, 10, 700, whole.length - 1]) {
      const failed: unknown = await jobs.gunzip(whole.subarray(0, end)).catch((error: unknown) => error)
      expect(failed).toMatchObject({ code: 'EBADMSG', syscall: 'gzip inflate' })
      expect((failed as Error).message).toBe('EBADMSG: unexpected end of file, gzip inflate')
    }
    await expect(jobs.gunzip(Buffer.from('no such stream'))).rejects.toThrow(
      'EBADMSG: incorrect header check',
    )
    const broken = Buffer.from(whole)
    broken[broken.length - 6] = (broken[broken.length - 6] as number) ^ 1
    await expect(jobs.gunzip(broken)).rejects.toThrow('EBADMSG: incorrect data check')
  })

  it('reads all members of gzip, and padding', async () => {
    const two = Buffer.concat([zlib.gzipSync('abc'), zlib.gzipSync('def')])
    for (const tail of [Buffer.alloc(0), Buffer.alloc(10), Buffer.from('\0rubbish')]) {
      const data = Buffer.concat([two, tail])
      expect(text(await jobs.gunzip(data))).toBe(zlib.gunzipSync(data).toString())
    }
    expect(await codeOf(jobs.gunzip(Buffer.concat([two, Buffer.from('rubbish')])))).toBe('EBADMSG')
  })
})

describe('native jobs', () => {
  it('run on the queue that is named (JQ-01)', async () => {
    const queue = eventer.jobqs.create('files', { kind: 'native' })
    const before = eventer.jobqs.native.stats().total
    await jobs.crc32c('abc', { queue })
    expect(queue.stats().total).toBe(1)
    expect(eventer.jobqs.native.stats().total).toBe(before)
    await queue.drain()
    expect(await codeOf(jobs.crc32c('abc', { queue }))).toBe('ERR_JOBQ_SHUTDOWN')
    queue.destroy()
  })

  it('that wait are taken out by an abort and do nothing (AS-12)', async () => {
    const queue = eventer.jobqs.create('paused', { kind: 'native' })
    queue.pause()
    const controller = new AbortController()
    const writing = jobs.writeFile(at('never'), 'x', { queue, signal: controller.signal })
    const reason = new Error('no longer wanted')
    controller.abort(reason)
    await expect(writing).rejects.toBe(reason)
    queue.resume()
    await queue.drain()
    expect(fs.existsSync(at('never'))).toBe(false)
    queue.destroy()
  })

  it('that run stop between two pieces when they are aborted (AS-09)', async () => {
    const reason = new Error('enough')
    for (let round = 0; ; round++) {
      const controller = new AbortController()
      let isOver = false
      const end = jobs
        .readFile('/dev/zero', { length: 2 ** 28, signal: controller.signal })
        .then(
          () => undefined,
          (error: unknown) => error,
        )
        .finally(() => {
          isOver = true
        })
      await settled(() => isOver || eventer.jobqs.native.stats().inflight === 1)
      controller.abort(reason)
      const failure = await end
      // All may have been read before the abort came; nothing holds a read without a clock.
      if (failure === undefined && round < 50) continue
      expect(failure).toBe(reason)
      break
    }
  })

  it.each([
    ['a path that is none', () => jobs.readFile(7 as never)],
    ['an empty path', () => jobs.readFile('')],
    ['a path with a NUL', () => jobs.readFile('a\0b')],
    ['a URL of another kind', () => jobs.readFile(new URL('http://x/'))],
    ['an offset that is negative', () => jobs.readFile('x', { offset: -1 })],
    ['a length that is not whole', () => jobs.readFile('x', { length: 1.5 })],
    ['a limit above 1 GiB', () => jobs.readFile('x', { maxBytes: 2 ** 30 + 1 })],
    ['options that are none', () => jobs.readFile('x', 7 as never)],
    ['data that is none', () => jobs.writeFile('x', 7 as never)],
    ['append with exclusive', () => jobs.writeFile('x', '', { append: true, exclusive: true })],
    ['append with atomic', () => jobs.writeFile('x', '', { append: true, atomic: true })],
    ['a mode that is none', () => jobs.writeFile('x', '', { mode: 0o10000 })],
    ['an empty host', () => jobs.lookup('')],
    ['a family that is none', () => jobs.lookup('x', { family: 5 as never })],
    ['an earlier sum that is none', () => jobs.crc32c('', { crc: 2 ** 32 })],
    ['a digest without a name', () => jobs.digest('', '')],
    ['a level that is none', () => jobs.gzip('', { level: 10 })],
    ['a level below -1', () => jobs.gzip('', { level: -2 })],
    ['a queue that is none', () => jobs.crc32c('', { queue: {} as never })],
    ['a subqueue that is none', () => jobs.crc32c('', { subqueue: 7 as never })],
  ])('refuse %s', async (_, call) => {
    expect(await codeOf(call())).toBe('ERR_INVALID_ARGUMENT')
  })

  it('refuse requests that make no sense, whoever wrote them', async () => {
    for (const native of ['heddle:file.stat', 'heddle:file.read', 'heddle:file.write', 'heddle:dns.lookup']) {
      expect(await codeOf(eventer.jobqs.native.run({ native }, new Uint8Array(3)))).toBe('EINVAL')
    }
    expect(await codeOf(eventer.jobqs.native.run({ native: 'heddle:none' }))).toBe('ENOENT')
  })

  it('many at a time answer each its own', async () => {
    const names = Array.from({ length: 300 }, (_, n) => at(`many-${n}`))
    await Promise.all(names.map((name, n) => jobs.writeFile(name, `${n}`.repeat(n))))
    const read = await Promise.all(names.map((name) => jobs.readFile(name)))
    expect(read.map(text)).toEqual(names.map((_, n) => `${n}`.repeat(n)))
  })
})
