/**
 * Names each test that failed and passed when it was run once more (`--retry`), with what it failed of. The gate counts
 * these lines: a few are told, more have it fail.
 */
import { relative } from 'node:path'
import type { Reporter, TestCase } from 'vitest/node'

export default class FlakyReporter implements Reporter {
  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky !== true) return
    const file = relative(process.cwd(), test.module.moduleId)
    const [reason] = test.result().errors?.[0]?.message.split('\n') ?? []
    process.stdout.write(
      `FLAKY ${test.project.name}: ${file}: ${test.fullName}: ${reason ?? 'no reason given'}\n`,
    )
  }
}
