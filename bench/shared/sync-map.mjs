/**
 * A contestant over anything with synchronous get and set: `open(token)` gives the store in any isolate. What is
 * measured is a plain loop in the isolate that reads or writes.
 */
export function overSyncMap(open) {
  async function join(token) {
    const store = await open(token)
    return {
      token,
      getMany(keys, from, count) {
        let found = 0
        const mask = keys.length - 1
        for (let i = from; i < from + count; i++) if (store.get(keys[i & mask]) !== undefined) found++
        return found
      },
      setMany(keys, from, count, values) {
        const mask = keys.length - 1
        for (let i = from; i < from + count; i++) store.set(keys[i & mask], values[i & mask])
      },
      close: () => store.close?.(),
    }
  }
  return { create: join, join }
}
