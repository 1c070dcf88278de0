import { resolve } from 'node:path'
import { replaceFile } from '../config/files'
import { generateEcm } from '../modules'
import { type Command, DONE } from './command'
import { say } from './terminal'
import { UsageError } from './usage-error'

/** Writes what modules declare as their options into their manifests. (MO-07) */
export const ecmGen: Command = {
  name: 'ecm-gen',
  usage: 'FILE…',
  summary: 'brings the `msys.provides:auto` lines of manifests up to date',
  details: 'The code of the modules is imported, nothing of it is called. Lines written by hand stay.',
  options: [],
  async run({ words }, terminal) {
    if (words.length === 0)
      throw new UsageError('heddle ecm-gen takes manifests: heddle ecm-gen modules/x.ecm')
    for (const word of words) {
      const { file, text, isChanged } = await generateEcm(resolve(terminal.folder, word))
      if (isChanged) await replaceFile(file, text)
      say(terminal, `${word}: ${isChanged ? 'written' : 'up to date'}`)
    }
    return DONE
  },
}
