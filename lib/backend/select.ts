import { HeddleError } from '../errors'
import type { Backend } from './backend'
import { createJsBackend } from './js'
import { loadNative } from './native'

let selected: Backend | undefined

/**
 * The backend of this isolate, chosen once: HEDDLE_BACKEND=native or js decides; without it the native core, and
 * the pure-JavaScript backend, announced in one line on stderr, where no binary loads. (PK-02) HEDDLE_ALLOCATOR names
 * the allocator of the native core: EINVAL for one that it does not have. (MT-16)
 */
export function selectBackend(): Backend {
  selected ??= choose(process.env.HEDDLE_BACKEND)
  return selected
}

/**
 * Makes this isolate use the pure-JavaScript backend, for `heddle/js`. ERR_TOO_LATE if the native core serves it
 * already: one isolate has one backend.
 */
export function selectJsBackend(): void {
  selected ??= createJsBackend()
  if (selected.capabilities.backend === 'js') return
  throw new HeddleError('ERR_TOO_LATE', 'this isolate uses the native core already; import heddle/js first')
}

function choose(wanted: string | undefined): Backend {
  switch (wanted) {
    case 'js':
      return createJsBackend()
    case 'native':
      return native()
    case undefined:
    case '':
      return nativeOrJs()
    default:
      throw new HeddleError('ERR_INVALID_ARGUMENT', `HEDDLE_BACKEND is native or js, not ${wanted}`)
  }
}

/** Its allocator is chosen before anything is allocated; what the first isolate has chosen stays. (MT-16) */
function native(): Backend {
  const backend = loadNative()
  const wanted = process.env.HEDDLE_ALLOCATOR
  const { memory } = backend
  if (wanted === undefined || wanted === '') return backend
  if (!memory.engines.includes(wanted)) {
    throw new HeddleError('EINVAL', `HEDDLE_ALLOCATOR is one of ${memory.engines.join(', ')}, not ${wanted}`)
  }
  memory.setEngine(wanted)
  return backend
}

function nativeOrJs(): Backend {
  try {
    return native()
  } catch (error) {
    if (!(error instanceof HeddleError) || error.code !== 'ERR_NATIVE_REQUIRED') throw error
    process.stderr.write(`heddle: using the pure-JavaScript backend: ${(error as Error).message}\n`)
    return createJsBackend()
  }
}
