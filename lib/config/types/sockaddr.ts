import { isIP } from 'node:net'
import { refuse, scalar, type ValueType } from './value-type'

/** An address with a port, or without one for `sockaddrPortless`. (CF-10) */
export interface SockAddr {
  readonly family: 4 | 6
  readonly address: string
  readonly port?: number
}

const EXPECTED = 'an address with a port: 10.0.0.1:25, ::1.25 or [::1]:25'
const PORTLESS = 'an address without a port: 10.0.0.1, ::1 or [::1]'

/** `a.b.c.d:port`, `v6.port` or `[v6]:port`. */
export const sockaddrType: ValueType<SockAddr> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    return withPort(text) ?? refuse(text, EXPECTED)
  },
}

export const sockaddrPortlessType: ValueType<SockAddr> = {
  parse(raw) {
    const text = scalar(raw, PORTLESS)
    const address = /^\[(.*)\]$/.exec(text)?.[1] ?? text
    const family = isIP(address)
    const isBracketed = address !== text
    if (family === 0 || (isBracketed && family === 4)) return refuse(text, PORTLESS)
    return Object.freeze({ family: family as 4 | 6, address })
  },
}

function withPort(text: string): SockAddr | undefined {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]*)\]:|(.*)[:.])(\d{1,5})$/.exec(text) ?? []
  const address = bracketed ?? plain
  const port = Number(portText)
  if (address === undefined || port > 65_535) return undefined
  const family = isIP(address)
  // The port of a plain address of version 4 comes after a colon, that of version 6 after a dot.
  const separator = text.at(-1 - (portText as string).length)
  if (bracketed !== undefined ? family !== 6 : separator !== (family === 4 ? ':' : '.')) return undefined
  return family === 0 ? undefined : Object.freeze({ family: family as 4 | 6, address, port })
}
