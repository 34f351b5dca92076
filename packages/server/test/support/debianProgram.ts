/**
 * Programs that come with Debian: where they are, and how one runs for as long as a Scope is open, in a temporary directory of its own.
 *
 * They keep the test's environment, so that a run that leaves one behind is found out.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import process from "node:process"

/** The program ended before it was ready: with what it said. */
export class ProgramFailed extends Data.TaggedError("ProgramFailed")<{ readonly message: string }> {}

/** Not everybody has `/usr/sbin` on the `PATH`. */
export const pathOf = (program: string, debianPackage = program): string => {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin"]
  const folder = folders.find((folder) => fs.existsSync(path.join(folder, program)))
  if (folder === undefined) throw new Error(`no ${program}: install Debian's package ${debianPackage}`)
  return path.join(folder, program)
}

/** Runs a program to its end. */
export const ask = (program: string, args: ReadonlyArray<string>, input = "") => {
  const { status, stderr, stdout } = childProcess.spawnSync(pathOf(program), args, { encoding: "utf8", input })
  return { status, stdout, stderr }
}

/** Nobody listens on it now. Somebody else may take it until it is used. */
export const freePort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

export const temporaryDirectory = (name: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), `holdfast-${name}-`))),
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
  )

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Said to it at its start; then its input ends. */
  readonly input?: string
  /** Asked until it says so, for ten seconds at most. */
  readonly isReady: Effect.Effect<boolean>
}

/** Runs it until the Scope closes, and is there once it is ready. Fails when it ends before that. */
export const run = (program: string, args: ReadonlyArray<string>, { cwd, env, input = "", isReady }: RunOptions) =>
  Effect.gen(function*() {
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = childProcess.spawn(program, args, { cwd, env: { ...process.env, ...env } })
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding("utf8").on("data", (more: string) => void (output += more))
        }
        // One that ends at once does not read; why it does is in its output.
        child.stdin.on("error", () => {})
        child.stdin.end(input)
        return child
      }),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.stdout.closed && child.stderr.closed) return resume(Effect.void)
          // Processes of its own, such as a browser's, hold its output for as long as they live, and may write files.
          child.once("close", () => resume(Effect.void))
          child.kill("SIGTERM")
        })
    )
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
    yield* isReady.pipe(
      Effect.delay("20 millis"),
      Effect.repeat({ until: (answer) => answer || isOver() }),
      Effect.timeoutOrElse({
        duration: "2 minutes",
        orElse: () => Effect.die(new Error(`${program} was never ready: ${output}`))
      })
    )
    if (isOver()) return yield* new ProgramFailed({ message: output })
    return {
      kill: (signal: NodeJS.Signals) => Effect.sync(() => void child.kill(signal)),
      /** Its exit code once it has ended; null if a signal ended it. */
      exit: Effect.callback<number | null>((resume) => {
        if (isOver()) return resume(Effect.succeed(child.exitCode))
        child.once("exit", (code) => resume(Effect.succeed(code)))
      }),
      isOver,
      /** All it has said so far. */
      output: () => output
    }
  })

/** The status of an answer; 0 where nobody answers. Unlike `fetch` it says the `Host` it is given. */
export const statusOf = (
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET"
): Effect.Effect<number> =>
  Effect.callback<number>((resume) => {
    const sent = http.request(url, { headers, method, agent: false }, (answer) => {
      resume(Effect.succeed(answer.statusCode ?? 0))
      answer.destroy()
    })
    sent.once("error", () => resume(Effect.succeed(0))).end()
    return Effect.sync(() => sent.destroy())
  })

/** Says this on a Unix socket, and waits for the answer; empty where nobody listens. */
export const say = (socket: string, words: string): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    let text = ""
    const connection = net.connect(socket, () => connection.end(words))
    connection.setEncoding("utf8").on("data", (more: string) => void (text += more))
    connection.once("error", () => resume(Effect.succeed("")))
    connection.once("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => connection.destroy())
  })
