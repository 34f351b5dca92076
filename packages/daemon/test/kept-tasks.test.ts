import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { DaemonRefusal } from "../src/DaemonRefusal.ts"
import * as KeptTasks from "../src/KeptTasks.ts"

const inState = (test: (state: string) => void): void => {
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-kept-"))
  try {
    test(path.join(parent, "holdfast"))
  } finally {
    fs.rmSync(parent, { recursive: true, force: true })
  }
}

const task = { server: "scanner", tool: "scan", taskId: "x", startedAt: 1000, ttl: 5000, config: "/a/mcp.json" }

describe("a task that was left", () => {
  it("is remembered for as long as its server keeps it, else for 30 days, and can be forgotten", () => {
    inState((state) => {
      assert.deepStrictEqual(KeptTasks.list(state, 1000), [])
      const { id } = KeptTasks.add(state, task, 1000)
      const other = KeptTasks.add(state, { ...task, taskId: "y", startedAt: 500, ttl: null }, 1000)
      assert.deepStrictEqual(KeptTasks.list(state, 6000).map((each) => each.id), [other.id, id])
      assert.deepStrictEqual(KeptTasks.find(state, id, 6000), { id, ...task })
      assert.isUndefined(KeptTasks.find(state, id, 6001))
      assert.deepStrictEqual(fs.readdirSync(path.join(state, "tasks")), [`${other.id}.json`])
      assert.deepStrictEqual(KeptTasks.list(state, 500 + 30 * 86_400_000), [other])
      KeptTasks.remove(state, other.id)
      KeptTasks.remove(state, other.id)
      assert.deepStrictEqual(KeptTasks.list(state, 1000), [])
    })
  })

  it("is readable for its user alone, and harmed by no file that is none", () => {
    inState((state) => {
      const { id } = KeptTasks.add(state, task, 1000)
      const directory = path.join(state, "tasks")
      assert.strictEqual(fs.statSync(directory).mode & 0o777, 0o700)
      assert.strictEqual(fs.statSync(path.join(directory, `${id}.json`)).mode & 0o777, 0o600)
      fs.writeFileSync(path.join(directory, "t0.json"), "{\"id\":\"t0\"")
      fs.writeFileSync(path.join(directory, "t1.json"), "{\"id\":\"t1\",\"server\":5}")
      // Its time is over, and its id is that of another file.
      fs.writeFileSync(
        path.join(directory, "t2.json"),
        JSON.stringify({ ...task, id: "../shared", startedAt: 0, ttl: 0 })
      )
      fs.writeFileSync(path.join(state, "shared.json"), "")
      assert.deepStrictEqual(KeptTasks.list(state, 1000), [{ id, ...task }])
      assert.isTrue(fs.existsSync(path.join(state, "shared.json")))
      fs.chmodSync(directory, 0o755)
      assert.throws(() => KeptTasks.add(state, task, 1000), DaemonRefusal, /may be entered by other users/)
    })
  })
})
