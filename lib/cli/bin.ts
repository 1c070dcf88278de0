#!/usr/bin/env node
import { main } from './main'

// Whoever read the output may have gone (`heddle run | head`); that is no reason to stop serving, or to cut a drain.
process.stdout.on('error', () => {})

void main(process.argv.slice(2), {
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  env: process.env,
  folder: process.cwd(),
}).then((code) => process.exit(code))
