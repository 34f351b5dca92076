/** A program as the first process of a namespace of its own, as in a container. Needs a kernel that lets this user make one. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import process from "node:process"

const host = path.join(import.meta.dirname, "support/host-first.ts")
const document = fs.readFileSync(path.join(import.meta.dirname, "../../../docs/platforms.md"), "utf8")

interface Said {
  readonly pid: number
  readonly orphans: string
  readonly zombies: number
}

/** Runs a command as process 1; `tell`: what is done once it has spoken. */
const inNamespace = (command: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = childProcess.spawn("unshare", ["-Urpf", "--mount-proc", "--kill-child", ...command], {
        stdio: ["ignore", "pipe", "pipe"]
      })
      let text = ""
      let errors = ""
      const ended = new Promise<number | null>((resolve) => void child.once("exit", resolve))
      child.stderr.setEncoding("utf8").on("data", (more: string) => void (errors += more))
      const said = new Promise<Said>((resolve, reject) => {
        child.stdout.setEncoding("utf8").on("data", (more: string) => {
          text += more
          if (text.includes("\n")) resolve(JSON.parse(text))
        })
        child.once("exit", () => reject(new Error(`it has ended: ${errors}`)))
      })
      return { child, said: Effect.promise(() => said), ended: Effect.promise(() => ended) }
    }),
    ({ child }) => Effect.sync(() => void child.kill("SIGKILL"))
  )

describe("the first process of a container", () => {
  it.live("is told by its capabilities that nobody collects orphans where Node is it", () =>
    Effect.gen(function*() {
      const { said } = yield* inNamespace([process.execPath, host])
      const { orphans, pid, zombies } = yield* said
      assert.deepStrictEqual([pid, orphans], [1, "zombies"])
      // Else the sentence that asks for an init could go.
      assert.isAbove(zombies, 0)
    }))

  it.live("may be the shell of docs/platforms.md: no zombie stays, a signal reaches Node, and its code is the container's", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-init-"))),
        (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
      )
      const script = path.join(folder, "init.sh")
      fs.writeFileSync(script, /```sh\n([\s\S]*?)```/.exec(document)?.[1] ?? "", { mode: 0o755 })
      const { child, ended, said } = yield* inNamespace([script, process.execPath, host])
      const { orphans, pid, zombies } = yield* said
      assert.notStrictEqual(pid, 1)
      assert.deepStrictEqual([orphans, zombies], ["collected", 0])
      // The init is the only child of `unshare`.
      const init = Number(fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim())
      process.kill(init, "SIGTERM")
      assert.strictEqual(yield* ended, 7)
    }))
})
