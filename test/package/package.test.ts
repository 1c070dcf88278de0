import { existsSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { libc } from '../../lib/backend/platform'
import { ROOT, read } from '../repo-files'
import { Installation } from './installation'

let installation: Installation

beforeAll(() => {
  installation = new Installation()
}, 1_200_000)

/** Serves one request, asks it, says what came and which backend it was. */
const SERVE_ONE = `
  const server = await createServer((req, res) => res.end('served ' + req.url)).listen({ port: 0 })
  const answer = await fetch('http://127.0.0.1:' + server.port + '/one')
  console.log(capabilities().backend, answer.status, await answer.text())
  await server.close({ drain: true })
`
/** Starts the command, asks once, ends it. */
const RUN_ONE = `
  import { spawn } from 'node:child_process'
  import { once } from 'node:events'
  const command = spawn('node', ['node_modules/.bin/heddle', 'run', 'app.conf'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const chunk of command.stdout) {
    text += chunk
    if (/^Ctrl-C.*\\n/m.test(text)) break
  }
  try {
    const [origin] = /http:\\S+/.exec(text)
    const answer = await fetch(origin + 'one')
    console.log(answer.status, await answer.text())
    const ended = once(command, 'exit')
    command.kill('SIGTERM')
    console.log('ended', ...(await ended).slice(0, 1))
  } finally {
    command.kill('SIGKILL')
  }
`
const IMPORT = `import { capabilities, createServer } from 'heddle'\n${SERVE_ONE}`
const IMPORT_JS = IMPORT.replace(`'heddle'`, `'heddle/js'`)
const REQUIRE = `const { capabilities, createServer } = require('heddle')\n;(async () => {${SERVE_ONE}})()`

describe('the tarball (PK-01, PK-04)', () => {
  it('carries the compiled package, the binary and the sources of the core', () => {
    const { files } = installation
    expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']))
    const compiled = ['dist/index.js', 'dist/index.d.ts', 'dist/js.js', 'dist/cli/bin.js']
    expect(files).toEqual(expect.arrayContaining(compiled))
    expect(files).toContain(`prebuilds/${process.platform}-${process.arch}/heddle.${libc()}.node`)
    expect(files).toEqual(expect.arrayContaining(['native/addon.gypi', 'scripts/source-build.mjs']))
    const headers = ['native/include/heddle/heddle.h', 'native/include/heddle/aco.h']
    expect(files).toEqual(expect.arrayContaining(headers))
  })

  it('has no gyp file at its root, no tests, and nothing that is not meant to be there', () => {
    const { files } = installation
    expect(files.filter((file) => /^[^/]*\.gyp$/.test(file))).toEqual([])
    const folders = new Set(files.map((file) => file.split('/')[0]))
    const root = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']
    expect([...folders].sort()).toEqual([...root, 'dist', 'native', 'prebuilds', 'scripts'].sort())
    expect(files.filter((file) => file.startsWith('native/test/'))).toEqual([])
  })

  it('installs without scripts, without a compiler and without a word of warning', () => {
    const { status, stdout, stderr } = installation.installed
    expect(status, stderr).toBe(0)
    expect(`${stdout}${stderr}`).not.toMatch(/gyp|deprecated/)
    expect(existsSync(join(installation.package, 'build'))).toBe(false)
  })
})

describe('the installed package', () => {
  it('serves a request after import (PK-05)', () => {
    const { stdout, stderr } = installation.node('import.mjs', IMPORT)
    expect({ stdout, stderr }).toEqual({ stdout: 'native 200 served /one\n', stderr: '' })
  })

  it('serves a request after require (PK-05)', () => {
    const { stdout, stderr } = installation.node('require.cjs', REQUIRE)
    expect({ stdout, stderr }).toEqual({ stdout: 'native 200 served /one\n', stderr: '' })
  })

  it('is one module, however it is loaded', () => {
    const { stdout } = installation.node(
      'same.mjs',
      `import { createRequire } from 'node:module'
       import * as imported from 'heddle'
       const required = createRequire(import.meta.url)('heddle')
       console.log(required.HeddleError === imported.HeddleError, 'createServer' in imported)`,
    )
    expect(stdout).toBe('true true\n')
  })

  it('offers the JavaScript backend as heddle/js (PK-02)', () => {
    const { stdout, stderr } = installation.node('js.mjs', IMPORT_JS)
    expect({ stdout, stderr }).toEqual({ stdout: 'js 200 served /one\n', stderr: '' })
  })

  it('is a command that checks and serves a configuration (PK-05, CN-04)', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string }
    const npx = installation.npm(['exec', '--no', '--', 'heddle', 'version'])
    expect(npx.stdout).toMatch(new RegExp(`^heddle ${version} \\(native core ${version}\\), Node `))
    installation.write('handlers.mjs', `export default (req, res) => res.end('served ' + req.url)\n`)
    installation.write('app.conf', 'HTTP_Listener "web" { Port = 0 Handler = "./handlers.mjs" }\n')
    const checked = installation.npm(['exec', '--no', '--', 'heddle', 'check', 'app.conf'])
    expect(checked).toMatchObject({ status: 0, stdout: expect.stringMatching(/app\.conf: ok\n$/) })
    const { stdout, stderr } = installation.node('run.mjs', RUN_ONE)
    expect({ stdout, stderr }).toEqual({ stdout: '200 served /one\nended 0\n', stderr: '' })
  })

  it('finds the binary of the other C library', () => {
    const other = installation.binary(libc() === 'musl' ? 'glibc' : 'musl')
    renameSync(installation.binary(), other)
    const { stdout, stderr } = installation.node('other.mjs', IMPORT)
    renameSync(other, installation.binary())
    expect({ stdout, stderr }).toEqual({ stdout: 'native 200 served /one\n', stderr: '' })
  })
})

describe('the installed package without its binary', () => {
  beforeAll(() => renameSync(installation.binary(), `${installation.binary()}.away`))
  afterAll(() => renameSync(`${installation.binary()}.away`, installation.binary()))

  it('serves from JavaScript and says so in one line (PK-02)', () => {
    const { stdout, stderr } = installation.node('fallback.mjs', IMPORT)
    expect(stdout).toBe('js 200 served /one\n')
    expect(stderr).toMatch(/^heddle: using the pure-JavaScript backend: [^\n]*not there\n$/)
  })

  it('names every path it tried when the native core is demanded', () => {
    const { status, stderr } = installation.node('demand.mjs', IMPORT, { HEDDLE_BACKEND: 'native' })
    expect(status).toBe(1)
    expect(stderr).toContain('ERR_NATIVE_REQUIRED')
    for (const tag of ['glibc', 'musl']) expect(stderr).toContain(installation.binary(tag))
  })

  it('says what a source build needs before it starts one (PK-04)', () => {
    const { status, stderr } = installation.node(
      'build.mjs',
      `await import('./node_modules/heddle/scripts/source-build.mjs')`,
    )
    expect(status).toBe(1)
    expect(stderr).toContain('npm install --no-save node-gyp')
  })

  it('builds the core from the sources it carries', { timeout: 1_200_000 }, () => {
    symlinkSync(join(ROOT, 'node_modules/node-gyp'), join(installation.project, 'node_modules/node-gyp'))
    const build = installation.node(
      'build.mjs',
      `await import('./node_modules/heddle/scripts/source-build.mjs')`,
      // Whether it compiles and serves is asked, not how fast.
      { PATH: process.env.PATH, CXXFLAGS: '-O0' },
    )
    expect(build.status, build.stdout + build.stderr).toBe(0)
    const { stdout, stderr } = installation.node('built.mjs', IMPORT)
    expect({ stdout, stderr }).toEqual({ stdout: 'native 200 served /one\n', stderr: '' })
  })
})
