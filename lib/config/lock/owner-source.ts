/**
 * Who tells the locks that the running code belongs to something that is an owner by itself. The coroutines of this
 * package set it, one floor up, when the first of them starts; one an isolate. (CX-06)
 */
export const ownerSource: { current: (() => object | undefined) | undefined } = { current: undefined }
