import { describe, expect, it } from 'vitest'
import { read } from './repo-files'

interface Locked {
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Record<string, string>
}

const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }

describe('the lock file', () => {
  it('names no registry', () => {
    expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })

  it('holds the binaries of every platform, so that a clean install works on each', () => {
    const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies).filter(
        (name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)),
      ),
    )
    expect(missing).toEqual([])
  })
})
