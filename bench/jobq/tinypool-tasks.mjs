import { Tinypool } from 'tinypool'

export { add, size } from './tasks.mjs'
export const back = (bytes) => Tinypool.move(bytes)
