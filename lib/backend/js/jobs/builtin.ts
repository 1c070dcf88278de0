import { NativeJob } from '../../builtin-jobs'
import { checksum, digest } from './builtin-digests'
import { readFile, statFile, writeFile } from './builtin-files'
import { lookUp } from './builtin-hosts'
import type { NativeTwin } from './builtin-twin'
import { deflateBytes, inflateBytes } from './builtin-zlib'

/**
 * What stands in for the native jobs that are there from the beginning: Node's own asynchronous functions, with the same
 * requests, answers and errors as natively. Each runs in the isolate that submitted it; its work is done by Node's threads,
 * except for CRC-32C, which is computed here a piece at a time.
 */
export const BUILTIN_TWINS: ReadonlyMap<string, NativeTwin> = new Map<string, NativeTwin>([
  [NativeJob.NOTHING, async () => ({ number: 0, bytes: undefined })],
  [NativeJob.FILE_READ, readFile],
  [NativeJob.FILE_WRITE, writeFile],
  [NativeJob.FILE_STAT, statFile],
  [NativeJob.DNS_LOOKUP, lookUp],
  [NativeJob.CRC32C, checksum],
  [NativeJob.DIGEST, digest],
  [NativeJob.DEFLATE, deflateBytes],
  [NativeJob.INFLATE, inflateBytes],
])
