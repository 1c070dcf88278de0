/** The argument of the procedures of test/modules/procedures.c. */
export interface NativeTask {
  readonly fd: number
  readonly size: number
  readonly rounds: bigint
  readonly ns: bigint
}

/** The bytes of one; what is left out is 0, the descriptor -1. */
export function taskBytes({ fd = -1, size = 0, rounds = 0n, ns = 0n }: Partial<NativeTask>): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(24))
  bytes.setInt32(0, fd, true)
  bytes.setInt32(4, size, true)
  bytes.setBigInt64(8, rounds, true)
  bytes.setBigInt64(16, ns, true)
  return new Uint8Array(bytes.buffer)
}
