/**
 * Ends a test run with one line, `N passed, N failed`: what people look for and what `.ci/run` adds up.
 *
 * A module that does not load and an error that nobody handled are failures too. Skipped tests are named on a line of their own.
 */
import type { Reporter, TestModule } from "vitest/node"

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<unknown>): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      counts.failed += module.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === "pending") counts.failed++
        else counts[state]++
      }
    }
    if (counts.skipped > 0) console.log(`${counts.skipped} skipped`)
    console.log(`${counts.passed} passed, ${counts.failed} failed`)
  }
}
