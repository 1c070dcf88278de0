import { DefaultDeserializer, DefaultSerializer } from 'node:v8'
import { HeddleError } from '../errors'

/** Thrown while a value is cloned that holds what only a MessagePort can carry: shared memory, ports, handles. */
export const NEEDS_PORT: unique symbol = Symbol('needs port')

/** As Node has it; its type declarations have not. */
const writeView = (DefaultSerializer.prototype as unknown as { _writeHostObject(view: object): void })
  ._writeHostObject

/** V8's own format; typed arrays are copied by themselves, not with the whole memory they lie in. */
class Cloner extends DefaultSerializer {
  _getDataCloneError = dataCloneError

  _getSharedArrayBufferId(): never {
    throw NEEDS_PORT
  }

  _writeHostObject(object: object): void {
    if (!ArrayBuffer.isView(object) || object.buffer instanceof SharedArrayBuffer) throw NEEDS_PORT
    writeView.call(this, object)
  }
}

/** As `structuredClone` copies it. Throws NEEDS_PORT, a DataCloneError, or what a getter throws. */
export function clone(value: unknown): Buffer {
  const cloner = new Cloner()
  cloner.writeHeader()
  cloner.writeValue(value)
  return cloner.releaseBuffer()
}

/** The value may keep views of the bytes. EBADMSG. */
export function restore(bytes: Uint8Array): unknown {
  try {
    const reader = new DefaultDeserializer(bytes)
    reader.readHeader()
    return reader.readValue()
  } catch (cause) {
    throw new HeddleError('EBADMSG', 'these bytes are no value', { cause })
  }
}

export function dataCloneError(message: string): Error {
  return new DOMException(message, 'DataCloneError')
}
