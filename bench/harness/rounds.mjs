import { setTimeout as sleep } from 'node:timers/promises'

/** Between two measurements, so that the last one's connections are gone when the next one begins. */
const PAUSE_MS = 100

/**
 * Measures every contestant once a round, A B C A B C …, so that whatever else the machine does hits all of them
 * alike. Returns for each name the list of what `measure` gave, one entry a round.
 */
export async function interleave(contestants, rounds, measure) {
  const samples = new Map(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) {
      samples.get(contestant.name).push(await measure(contestant, round))
      await sleep(PAUSE_MS)
    }
  }
  return samples
}
