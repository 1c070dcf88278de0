import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, read } from './repo-files'

/** Folder of the native core → folders it may include from. Lower floors only. */
const NATIVE: Record<string, readonly string[]> = {
  include: [],
  base: [],
  sys: ['base'],
  mem: ['base', 'sys'],
  shared: ['base', 'sys', 'mem'],
  coro: ['base', 'sys', 'mem'],
  loop: ['base', 'sys', 'mem', 'coro'],
  net: ['base', 'sys', 'mem', 'coro', 'loop'],
  aco: ['include', 'base', 'sys', 'mem', 'coro', 'loop', 'net'],
  job: ['base', 'sys', 'mem', 'coro', 'loop', 'net', 'aco'],
  module: ['include', 'base', 'sys', 'mem', 'coro', 'loop', 'net', 'aco', 'job'],
  binding: ['include', 'base', 'sys', 'mem', 'shared', 'coro', 'loop', 'net', 'aco', 'job', 'module'],
}

/** Floors of lib/, lowest first: a file may import from its own floor's folder and from floors below. */
const LIB: readonly { readonly name: string; readonly files: RegExp; readonly never?: RegExp }[] = [
  { name: 'errors', files: /^lib\/(errors|arguments|time|waiting)$/ },
  {
    name: 'backend contract',
    files:
      /^lib\/backend\/(aco|backend|builtin-jobs|jobs|meter|modules|protocol|port|platform|memory|shared)$/,
  },
  { name: 'backend implementations', files: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'backend choice', files: /^lib\/backend\/select$/ },
  { name: 'memory', files: /^lib\/memory(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'shared', files: /^lib\/shared(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'commands', files: /^lib\/control(\/|$)/, never: /^lib\/backend\// },
  { name: 'hooks', files: /^lib\/hooks(\/|$)/, never: /^lib\/backend\// },
  { name: 'config', files: /^lib\/config(\/|$)/, never: /^lib\/backend\// },
  { name: 'io', files: /^lib\/io(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'jobq', files: /^lib\/jobq(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'locks', files: /^lib\/locks(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'eventer', files: /^lib\/eventer(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'aco', files: /^lib\/aco(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'threadpool', files: /^lib\/threadpool(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'modules', files: /^lib\/modules(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'net', files: /^lib\/net(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'http', files: /^lib\/http(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  {
    name: 'defaults',
    files: /^lib\/(servers|checked|default-loop|version)$/,
    never: /^lib\/backend\/(native|js)(\/|$)/,
  },
  { name: 'console', files: /^lib\/console(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'app', files: /^lib\/app(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'cli', files: /^lib\/cli(\/|$)/, never: /^lib\/backend\/(native|js)(\/|$)/ },
  { name: 'entries', files: /^lib\/(index|js)$/ },
]

const INCLUDE = /^\s*#\s*include\s*(["<])([^">]+)[">]/gm
const IMPORT = /(?:from|import|require\()\s*['"](\.[^'"]*)['"]/g

const nativeFiles = filesBelow('native', /\.(h|cc)$/).filter((path) => !path.startsWith('native/test/'))
const libFiles = filesBelow('lib', /\.ts$/)

function includesOf(path: string): { quoted: boolean; target: string }[] {
  return [...read(path).matchAll(INCLUDE)].map((match) => ({
    quoted: match[1] === '"',
    target: match[2] as string,
  }))
}

/** Module paths without extension, as `LIB` names them; a folder's index stands for the folder. */
function importsOf(path: string): string[] {
  return [...read(path).matchAll(IMPORT)].map((match) => {
    const target = normalize(join(dirname(path), match[1] as string))
    return target.replace(/\/index$/, '')
  })
}

function moduleName(path: string): string {
  return path.replace(/\.ts$/, '').replace(/(?<=^lib\/.+)\/index$/, '')
}

function floorOf(module: string): number {
  return LIB.findIndex((floor) => floor.files.test(module === 'lib' ? 'lib/index' : module))
}

describe('layers of the native core', () => {
  it('has files to look at', () => expect(nativeFiles.length).toBeGreaterThan(5))

  it.each(nativeFiles)('%s includes from its own floor or lower ones only', (path) => {
    const folder = path.split('/')[1] as string
    const allowed = NATIVE[folder]
    expect(allowed, `native/${folder} is not in the table`).toBeDefined()
    const wrong = includesOf(path)
      .filter(({ quoted, target }) => quoted && target.includes('/'))
      .map(({ target }) => target)
      .filter((target) => ![folder, ...(allowed ?? [])].includes(target.split('/')[0] as string))
    expect(wrong).toEqual([])
  })

  it('knows Node in the binding only, and libuv in its embedded loop only', () => {
    const wrong = nativeFiles.flatMap((path) =>
      includesOf(path)
        .filter(({ target }) => {
          if (/^(node|v8)\.h$/.test(target)) return true
          if (/^uv(\.h|\/)/.test(target)) return !path.startsWith('native/binding/embedded')
          return /^(node_api|js_native_api|napi)/.test(target) && !path.startsWith('native/binding/')
        })
        .map(({ target }) => `${path}: ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('asks which system it runs on in sys only', () => {
    const question = /^\s*#\s*(if|ifdef|ifndef|elif)\b.*__(linux__|APPLE__|FreeBSD__|OpenBSD__|NetBSD__)/m
    const wrong = nativeFiles.filter((path) => !path.startsWith('native/sys/') && question.test(read(path)))
    expect(wrong).toEqual([])
  })

  it('includes headers of the operating system in sys only', () => {
    const system =
      /^(sys|netinet|arpa|net|linux|mach)\/|^(unistd|fcntl|pthread|poll|sched|signal|netdb|dlfcn)\.h$/
    const wrong = nativeFiles
      .filter((path) => !path.startsWith('native/sys/'))
      .flatMap((path) =>
        includesOf(path)
          .filter(({ quoted, target }) => !quoted && system.test(target))
          .map(({ target }) => `${path}: ${target}`),
      )
    expect(wrong).toEqual([])
  })

  it('throws nothing', () => {
    const wrong = nativeFiles.filter((path) => /^\s*(throw\b|try\s*\{)/m.test(read(path)))
    expect(wrong).toEqual([])
  })
})

describe('layers of lib', () => {
  it('has files to look at', () => expect(libFiles.length).toBeGreaterThan(5))

  it.each(libFiles)('%s imports from its own folder or lower floors only', (path) => {
    const module = moduleName(path)
    const floor = floorOf(module)
    expect(floor, `${module} is on no floor of the table`).toBeGreaterThanOrEqual(0)
    const modules = importsOf(path).filter((target) => target !== 'package.json')
    const wrong = modules.filter((target) => {
      const other = floorOf(target)
      return other < 0 || other > floor || LIB[floor]?.never?.test(target) === true
    })
    expect(wrong).toEqual([])
  })

  it('keeps the two backends apart', () => {
    const native = libFiles.filter((path) => /^lib\/backend\/native/.test(path))
    const js = libFiles.filter((path) => /^lib\/backend\/js/.test(path))
    expect(native.flatMap(importsOf).filter((target) => /^lib\/backend\/js/.test(target))).toEqual([])
    expect(js.flatMap(importsOf).filter((target) => /^lib\/backend\/native/.test(target))).toEqual([])
  })
})

describe('names', () => {
  it('names no file after a heap of things', () => {
    const heap = /(^|\/)(utils?|helpers?|common|misc|types)\.(ts|h|cc|mjs)$/
    const files = [...libFiles, ...nativeFiles, ...filesBelow('scripts', /\.mjs$/)]
    expect(files.filter((path) => heap.test(path))).toEqual([])
  })

  it('uses kebab-case in TypeScript and snake_case in C++', () => {
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*\.ts$/
    const snake = /^[a-z0-9]+(_[a-z0-9]+)*\.(h|cc)$/
    const base = (path: string): string => path.split('/').pop() as string
    expect(libFiles.filter((path) => !kebab.test(base(path)))).toEqual([])
    expect(nativeFiles.filter((path) => !snake.test(base(path)))).toEqual([])
  })
})
