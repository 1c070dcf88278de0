import { networkInterfaces } from 'node:os'

/** Whether this machine has the loopback address of IPv6; containers often have not. */
export const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)
