import { move } from 'piscina'

export { add, size } from './tasks.mjs'
export const back = (bytes) => move(bytes)
