/** Calls that are tasks of their server, left there and fetched by other commands, through a daemon that closes what nothing needs. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DaemonWorld from "./support/DaemonWorld.ts"

describe("a call that is a task", () => {
  it("is driven to its end by call, or left at its server and fetched by any later command, over restarts of the daemon", async () => {
    await using world = DaemonWorld.make({ HOLDFAST_DAEMON_IDLE: "1 minute" })
    const go = path.join(world.directory, "go")
    const log = path.join(world.directory, "worked")
    const args = [path.resolve(import.meta.dirname, "support/taskServer.ts")]
    world.addServer("worker", {
      command: process.execPath,
      args,
      env: { TASK_GO: go, SPY_LOG: log },
      // A process that nothing keeps is gone before the next command.
      holdfast: { idleTimeout: "1 millis" }
    })
    // Of the usual kind: a call of it begins without Effect.
    world.addServer("plain", { command: process.execPath, args, env: { TASK_GO: go } })
    const noted = () => fs.readFileSync(log, "utf8").trim().split("\n")

    // Left: the id is all that is on stdout, and the server is kept for it.
    const detached = await world.runCheaply("call", "worker.work", "--detach", "--ttl", "1h")
    assert.match(detached.stdout, /^t[0-9a-f]{8}\n$/)
    const id = detached.stdout.trim()
    assert.include(detached.stderr, `holdfast task ${id} --wait`)
    const asked =
      JSON.parse((await world.runCheaply("call", "worker", "work", "asks=true", "--detach", "--json")).stdout).task
    assert.include(asked, { server: "worker", tool: "work", taskId: "task-2", ttl: null })
    assert.strictEqual((await world.runCheaply("task", id)).stdout, "worker.work  working  it is working\n")
    const listed = await world.runCheaply("tasks")
    assert.match(
      listed.stdout,
      new RegExp(`^${id} +worker\\.work +working .*\n${asked.id} +worker\\.work +input_required`)
    )
    assert.deepStrictEqual(noted().length, 1)
    const { servers } = JSON.parse((await world.runCheaply("status", "--json")).stdout)
    assert.strictEqual(servers.find(({ name }: { readonly name: string }) => name === "worker")?.tasks, 2)

    // What needs a person is refused where there is none; the task stays.
    const refused = await world.runCheaply("task", asked.id, "--wait")
    assert.strictEqual(refused.code, 7)
    assert.include(refused.stderr, "Whose name?")
    assert.include(refused.stderr, `Answer it on a terminal: holdfast task ${asked.id} --wait`)
    const unanswered = await world.runCheaply("call", "worker.work", "asks=true")
    assert.strictEqual(unanswered.code, 7)
    assert.include(unanswered.stderr, "leave the call with --detach")
    assert.include(noted(), "cancelled")
    const late = await world.runCheaply("task", id, "--wait", "--deadline", "500ms")
    assert.strictEqual(late.code, 5)
    assert.include(late.stderr, "it goes on at the server")

    // Cancelled.
    const cancelled = await world.runCheaply("task", asked.id, "--cancel")
    assert.deepStrictEqual([cancelled.code, cancelled.stdout], [0, "worker.work  cancelled  it is cancelled\n"])
    assert.strictEqual((await world.runCheaply("task", asked.id, "--wait")).code, 7)

    // Fetched from the one process that there was, also when it has ended before; and driven to the end by a call, which the hot path leaves to the whole program.
    fs.writeFileSync(go, "")
    assert.match((await world.runCheaply("task", id)).stdout, /completed/)
    assert.deepStrictEqual(await world.runCheaply("task", id, "--wait"), { code: 0, stdout: "done\n", stderr: "" })
    assert.strictEqual(noted().filter((line) => line.startsWith("start")).length, 1)
    assert.deepStrictEqual(await world.run("call", "plain.work"), { code: 0, stdout: "done\n", stderr: "" })

    // The next daemon knows of it; the server, which has kept it in its memory, does not, and that is said once.
    assert.strictEqual((await world.runCheaply("daemon", "stop")).code, 0)
    const lost = await world.runCheaply("task", id, "--wait")
    assert.strictEqual(lost.code, 6)
    assert.include(lost.stderr, "the server does not know the task task-1")
    const gone = await world.runCheaply("task", id)
    assert.strictEqual(gone.code, 2)
    assert.include(gone.stderr, `no task ${id} is remembered`)

    // What is no task is not called by this, and what cannot be left is said.
    const plain = await world.runCheaply("call", "worker.at_once", "--detach")
    assert.deepStrictEqual([plain.code, plain.stdout], [2, ""])
    assert.include(plain.stderr, "does not run as a task, and was not called")
    assert.strictEqual((await world.runCheaply("call", "worker.work", "--park")).code, 2)
    assert.strictEqual((await world.runCheaply("call", "worker.work", "--ttl", "1h")).code, 2)

    // One that runs and cannot be remembered is told by the server's own id.
    const tasks = path.join(world.directory, "holdfast", "tasks")
    fs.rmSync(tasks, { recursive: true })
    fs.writeFileSync(tasks, "")
    const unkept = await world.runCheaply("call", "worker.work", "--detach")
    assert.deepStrictEqual([unkept.code === 0, unkept.stdout], [false, ""])
    assert.match(unkept.stderr, /worker\.work goes on at its server as the task task-\d+, and is not remembered here: /)
  })
})
