/** Takes a buffer out of everybody's sight: its views have length 0 from now on. */
export function detach(buffer: ArrayBuffer): void {
  // Empty ones too: a view of one is told from a live one by its buffer.
  if ('transfer' in buffer) (buffer as ArrayBuffer & { transfer(size: number): unknown }).transfer(0)
  else structuredClone(buffer, { transfer: [buffer] })
}

/** Whether a program has taken the bytes elsewhere. */
export function isDetached(buffer: ArrayBuffer, size: number): boolean {
  return buffer.byteLength !== size
}

/** undefined where there is no memory for it. */
export function makeBuffer(size: number): ArrayBuffer | undefined {
  try {
    return new ArrayBuffer(size)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
