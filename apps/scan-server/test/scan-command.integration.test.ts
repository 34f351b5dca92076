/** One scan as a program: its exit code. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { npmToken } from "./support/matching.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

const program = path.join(import.meta.dirname, "../src/scan.ts")

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const run = (cwd: string, args: ReadonlyArray<string>) =>
  Effect.callback<Run>((resume) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => stdout += String(chunk))
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    child.once("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const planted = Effect.tap(
  temporaryFolder,
  (folder) =>
    Effect.sync(() =>
      plant(folder, { "src/a.ts": `const a = "${npmToken}"\n`, "src/b.ts": "const token = \"q8Zt2LmN0pQxW7\"\n" })
    )
)

describe("holdfast-scan as a program", () => {
  it.live("ends with 0, 1 or 2: nothing as bad as that, something, or it could not be made", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      const outcomes = yield* Effect.forEach(
        [[], ["src", "--fail-on", "never"], ["nowhere"], ["--fail-on", "sometimes"]],
        (args) => run(folder, args),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(outcomes.map(({ code }) => code), [1, 0, 2, 2])
      // Without an argument it is the working directory.
      assert.match(outcomes[0]?.stdout ?? "", /^src\/a\.ts:1:12 .+\n2 files, 2 findings\n$/s)
      assert.match(outcomes[2]?.stderr ?? "", /^holdfast-scan: root nowhere: there is no such folder[^\n]+\n$/)
    }))
})
