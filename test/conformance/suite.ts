/** Runs the official conformance suite, one scenario at a time. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"

const suite = path.join(
  path.dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js"
)

export interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

export interface Verdict {
  readonly passed: boolean
  /** The suite's own last words when there are no checks to show. */
  readonly said: string
  readonly checks: ReadonlyArray<Check>
}

/** What it prints, and its exit code. It is killed with the Scope it is run in. */
export const run = (args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly text: string }>((resume) => {
    const child = spawn(process.execPath, [suite, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    let text = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => void (text += chunk))
    }
    child.once("close", (code) => resume(Effect.succeed({ code, text })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const checksIn = (folder: string): ReadonlyArray<Check> =>
  fs.globSync("**/checks.json", { cwd: folder }).flatMap((file) =>
    JSON.parse(fs.readFileSync(path.join(folder, file), "utf8"))
  )

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-conformance-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

/** Puts one side through one scenario. */
export const judge = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const folder = yield* temporaryFolder
  const { code, text } = yield* run([...args, "--output-dir", folder])
  const verdict: Verdict = {
    passed: code === 0,
    said: text.trim().split("\n").slice(-12).join("\n"),
    checks: checksIn(folder)
  }
  return verdict
})

export const countOf = ({ checks }: Verdict, status: string): number =>
  checks.filter((check) => check.status === status).length

/** What failed, in one line. */
export const complaintOf = ({ checks, said }: Verdict): string => {
  const failed = checks.filter(({ status }) => status === "FAILURE").map(({ errorMessage, id }) =>
    `${id}: ${errorMessage ?? ""}`
  )
  return failed.length === 0 ? said : failed.join("; ")
}
