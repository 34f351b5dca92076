/**
 * Programs that know nothing of each other and use the same server: each with a process of its own, and through the daemon. Its starts are
 * counted by the server's own command, which writes a line each time.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { holdfast } from "../Programs.ts"
import * as ProcessTable from "./ProcessTable.ts"
import { meanwhile, row } from "./Stage.ts"

const programs = 5

/** A user of their own: a config with one server, and a place for the daemon. */
const world = (server: { readonly command: string; readonly args: ReadonlyArray<string> }) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hf-demo-"))
      const starts = path.join(directory, "starts")
      fs.writeFileSync(starts, "")
      const args = ["-c", "echo >> \"$0\"; exec \"$@\"", starts, server.command, ...server.args]
      const files = { command: "sh", args, env: { [ProcessTable.tag.name]: ProcessTable.tag.value } }
      fs.writeFileSync(path.join(directory, ".mcp.json"), JSON.stringify({ mcpServers: { files } }))
      return { directory, started: () => fs.readFileSync(starts, "utf8").length }
    }),
    ({ directory }) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
  )

/** A program of its own, to its end. */
const run = (directory: string, ...args: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const env = { ...process.env, XDG_RUNTIME_DIR: "", XDG_STATE_HOME: directory, HOLDFAST_NO_DAEMON: "" }
    const child = execFile(process.execPath, [holdfast, ...args], { cwd: directory, env }, (error) => {
      resume(error === null ? Effect.void : Effect.die(error))
    })
    return Effect.sync(() => void child.kill())
  })

export const programsStory = (server: { readonly command: string; readonly args: ReadonlyArray<string> }) =>
  Effect.scoped(Effect.gen(function*() {
    const { directory, started } = yield* world(server)
    const calls = (what: string, ...options: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        const before = started()
        let done = 0
        const each = Effect.forEach(Array.from({ length: programs }), () =>
          Effect.timed(run(directory, "call", "files.list_allowed_directories", ...options)).pipe(
            Effect.tap(() =>
              Effect.sync(() => void done++)
            )
          ))
        const ran = yield* meanwhile(() => `${what}: ${done} of ${programs} programs`, each)
        const millis = ran.map(([duration]) => Duration.toMillis(duration))
        return { millis, servers: started() - before }
      })
    const own = yield* calls("each with a server of its own", "--no-daemon")
    const shared = yield* Effect.ensuring(calls("through the daemon"), run(directory, "daemon", "stop"))
    const table = row([37, 15, 18])
    yield* table("", "each by itself", "through the daemon")
    const all = ({ millis }: typeof own): string => `${millis.reduce((sum, each) => sum + each, 0).toFixed(0)} ms`
    const last = ({ millis }: typeof own): string => `${millis.at(-1)?.toFixed(0)} ms`
    yield* table("five programs, one after another", all(own), all(shared))
    yield* table("the last of them", last(own), last(shared))
    yield* table("server processes started", String(own.servers), String(shared.servers))
    yield* table("alive when the daemon has ended", "", String(ProcessTable.living().length))
  }))
