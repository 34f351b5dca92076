import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import process from "node:process"
import * as SupervisedProcess from "../src/SupervisedProcess.ts"
import { program, readAll } from "./support/Child.ts"

const failure = (options: Partial<SupervisedProcess.SpawnOptions>) =>
  Effect.scoped(SupervisedProcess.spawn({ command: "true", args: [], ...options })).pipe(
    Effect.flip,
    Effect.map((error) => ({
      ...error.reason,
      tag: error.reason._tag,
      message: error.message,
      retryable: error.retryable
    }))
  )

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-process-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
)

/** Another system, as far as a program can tell. */
const onPlatform = (platform: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const own = Object.getOwnPropertyDescriptor(process, "platform") ?? {}
      Object.defineProperty(process, "platform", { ...own, value: platform })
      return own
    }),
    (own) => Effect.sync(() => Object.defineProperty(process, "platform", own))
  )

describe("a process that cannot be started", () => {
  it.effect("none can on Windows, which is not supported, and it says so", () =>
    Effect.gen(function*() {
      yield* onPlatform("win32")
      const error = yield* failure({ command: "true" })
      assert.deepInclude(error, { tag: "SpawnFailed", code: "ENOTSUP", retryable: false })
      assert.include(error.message, "Windows is not supported")
    }))

  it.effect("a command that is in no directory of the child's PATH is not found, and the PATH is shown", () =>
    Effect.gen(function*() {
      const error = yield* failure({ command: "no-such-command", env: { PATH: "/bin:/nowhere" } })
      assert.deepInclude(error, { tag: "CommandNotFound", command: "no-such-command", retryable: false })
      assert.deepInclude(error, { searched: ["/bin", "/nowhere"] })
      assert.strictEqual(
        error.message,
        "cannot start \"no-such-command\": no such command in PATH (/bin:/nowhere). Install it, or give its full path"
      )
    }))

  it.effect("a path is sought from the working directory of the child", () =>
    Effect.gen(function*() {
      const cwd = yield* folder
      const error = yield* failure({ command: "./server", cwd })
      assert.deepInclude(error, { tag: "CommandNotFound", searched: [path.join(cwd, "server")] })
    }))

  it.effect("a file without the execute permission is not executable", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      const file = path.join(directory, "server")
      fs.writeFileSync(file, "#!/bin/sh\n", { mode: 0o644 })
      const byPath = yield* failure({ command: file })
      assert.deepInclude(byPath, { tag: "NotExecutable", path: file })
      assert.include(byPath.message, "chmod +x")
      const byName = yield* failure({ command: "server", env: { PATH: directory } })
      assert.deepInclude(byName, { tag: "NotExecutable", path: file })
    }))

  it.effect("a directory is not executable", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      const error = yield* failure({ command: directory })
      assert.deepInclude(error, { tag: "NotExecutable", path: directory })
      assert.include(error.message, "is a directory")
    }))

  it.effect("a script whose interpreter is missing is told from a missing command", () =>
    Effect.gen(function*() {
      const file = path.join(yield* folder, "server")
      fs.writeFileSync(file, "#! /nowhere/interpreter -x\n", { mode: 0o755 })
      const error = yield* failure({ command: file })
      assert.deepInclude(error, { tag: "NotExecutable", path: file })
      assert.include(error.message, "the interpreter /nowhere/interpreter,")
    }))

  it.effect("a working directory that is missing or no directory is named, not the command", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      const missing = path.join(directory, "missing")
      assert.deepInclude(yield* failure({ cwd: missing }), { tag: "BadWorkingDirectory", cwd: missing })
      const file = path.join(directory, "file")
      fs.writeFileSync(file, "")
      const error = yield* failure({ cwd: file })
      assert.deepInclude(error, { tag: "BadWorkingDirectory", cwd: file })
      assert.include(error.message, "is not a directory")
    }))

  it.effect("an argument list beyond the system's limit is a failure with the system's code", () =>
    Effect.gen(function*() {
      const error = yield* failure({ args: ["x".repeat(8 * 1024 * 1024)] })
      assert.deepInclude(error, { tag: "SpawnFailed", code: "E2BIG", retryable: false })
    }))

  it.live("too many open files are a shortage that may pass", () =>
    Effect.gen(function*() {
      const { args, command } = program("host-full.ts")
      const host = yield* SupervisedProcess.spawn({
        command: "sh",
        args: ["-c", "ulimit -n 64; exec \"$0\" \"$@\"", command, ...args]
      })
      const report: unknown = JSON.parse(yield* readAll(host.stdout))
      assert.deepInclude(report, { tag: "ResourceExhausted", code: "EMFILE", retryable: true })
    }))

  it.effect("options that make no sense are refused by name and without their secrets", () =>
    Effect.gen(function*() {
      const refused: ReadonlyArray<readonly [Partial<SupervisedProcess.SpawnOptions>, string]> = [
        [{ command: "" }, "the command is empty"],
        [{ command: "a\0b" }, "the command contains a NUL character"],
        [{ args: ["fine", "secret\0"] }, "argument 2 contains a NUL character"],
        [{ cwd: "/tmp\0" }, "cwd contains a NUL character"],
        [{ env: { TOKEN: "secret\0" } }, "the environment variable TOKEN contains a NUL character"],
        [{ env: { "A=B": "" } }, "env has the impossible name \"A=B\""],
        [{ stderrBytes: -1 }, "stderrBytes must be a whole number, got -1"],
        [{ stderrBytes: 0.5 }, "stderrBytes must be a whole number, got 0.5"],
        [{ gracePeriod: "-1 second" }, "gracePeriod must be a duration, got -1 second"],
        [{ terminateTimeout: "-1 second" }, "terminateTimeout must be a duration, got -1 second"],
        [{ killTimeout: "-1 second" }, "killTimeout must be a duration, got -1 second"]
      ]
      for (const [options, description] of refused) {
        const error = yield* failure(options)
        assert.deepInclude(error, { tag: "SpawnFailed", code: "EINVAL", description })
        assert.notInclude(error.message, "secret")
      }
    }))
})
