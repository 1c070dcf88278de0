/** What the jobs do, for every contestant. */
export const add = ({ a, b }) => a + b
export const size = (bytes) => bytes.byteLength
