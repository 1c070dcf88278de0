#!/usr/bin/env node
import { main } from './main'

// Whoever read what is told may have gone (`heddle run 2>&1 | head`); that is no reason to stop serving, or to cut a drain.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

void main(process.argv.slice(2), {
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  env: process.env,
  folder: process.cwd(),
}).then((code) => process.exit(code))
