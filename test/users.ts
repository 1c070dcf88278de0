import { spawnSync } from 'node:child_process'

/** Whether this process may become that user: root does, but not where its user namespace does not have it. */
export function canBecome(id: number): boolean {
  if (process.geteuid?.() !== 0) return false
  const code = `process.setgroups([]); process.setgid(${id}); process.setuid(${id})`
  return spawnSync(process.execPath, ['-e', code], { stdio: 'ignore', timeout: 60_000 }).status === 0
}
