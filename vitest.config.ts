/**
 * Six sets of tests, by place and name:
 *
 * - `unit`: `test/*.test.ts` of every package, app and the scripts, and tests of the examples. Fast: `pnpm check` runs them.
 * - `integration`: `*.integration.test.ts` of a package, and everything in the top `test/` folder. `pnpm test` runs both.
 * - `long`: `*.long.test.ts`, the same promises at length: thousands of worlds, sessions and trials. `pnpm test:long`.
 * - `packaging`: what a user installs. `pnpm test:packaging`; the only set that needs a network.
 * - `system`: `*.system.test.ts`, what needs programs that npm does not have. `pnpm test:system` sees to them.
 * - `nightly`: `*.nightly.system.test.ts`, of those the ones that wait for leases and outages. `pnpm test:system --project nightly`.
 *
 * Every run ends with `N passed, N failed`, and fails if a process or a temporary file of its own is left behind.
 *
 * No test depends on how fast the machine is: a test waits for an event. The timeouts here only keep a broken test from hanging.
 */
import { availableParallelism } from "node:os"
import { configDefaults, defineConfig } from "vitest/config"

const integration = "**/*.integration.test.ts"
const long = "**/*.long.test.ts"
const system = "**/*.system.test.ts"
const nightly = "**/*.nightly.system.test.ts"
const programs = ["scripts/vitest/BundledPrograms.ts"]
const exclude = [...configDefaults.exclude, "**/.tmp/**"]

export default defineConfig({
  test: {
    // Children of a worker that outlive it are told from the workers themselves by their parent: see LeaveNoTrace.
    pool: "forks",
    globalSetup: ["scripts/vitest/LeaveNoTrace.ts"],
    reporters: ["default", "./scripts/vitest/FastTests.ts", "./scripts/vitest/SummaryReporter.ts"],
    allowOnly: false,
    // Node loads the sources, as it does for users. With Vite's own loader every use of an import is a call: unit tests take two thirds longer.
    experimental: { viteModuleRunner: false },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Tests of processes and sockets wait for most of their time: one more than there are cores. Two more took longer.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          // Files share their workers and what these have loaded, which is half of their time. What a file changes for its process it puts back.
          isolate: false,
          include: [
            "packages/*/test/**/*.test.ts",
            "apps/*/test/**/*.test.ts",
            "scripts/test/**/*.test.ts",
            "examples/*/*.test.ts"
          ],
          exclude: [...exclude, integration, long, system]
        }
      },
      {
        extends: true,
        test: {
          name: "integration",
          globalSetup: programs,
          include: [`{packages,apps}/*/test/${integration}`, `scripts/test/${integration}`, "test/**/*.test.ts"],
          exclude: [...exclude, long, system, "test/packaging/**"]
        }
      },
      {
        extends: true,
        test: {
          name: "long",
          globalSetup: programs,
          include: [`{packages,apps}/*/test/${long}`, `scripts/test/${long}`, `test/${long}`],
          exclude
        }
      },
      {
        extends: true,
        test: {
          name: "system",
          globalSetup: programs,
          // They start programs of other people's, whose patience is their own, and wait for these for half of their time.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 1 },
          include: [`{packages,apps}/*/test/${system}`, `test/${system}`],
          exclude: [...exclude, nightly]
        }
      },
      {
        extends: true,
        test: {
          name: "nightly",
          globalSetup: programs,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          include: [`{packages,apps}/*/test/${nightly}`, `test/${nightly}`],
          exclude
        }
      },
      {
        extends: true,
        test: {
          name: "packaging",
          globalSetup: ["test/packaging/Installed.ts"],
          include: ["test/packaging/**/*.test.ts"],
          exclude,
          testTimeout: 600_000,
          hookTimeout: 600_000
        }
      }
    ]
  }
})
