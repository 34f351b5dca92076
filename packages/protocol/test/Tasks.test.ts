import * as Tasks from "@holdfast/protocol/Tasks"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"

const at = "2026-01-01T00:00:00Z"

describe("a task", () => {
  it("is the same in the names of both eras, without what is no part of it", () => {
    const task = { taskId: "t", status: "working" as const, createdAt: at, lastUpdatedAt: at }
    const legacy = Tasks.decodeTask({ ...task, ttl: 60_000, pollInterval: 500, _meta: {} })
    const modern = Tasks.decodeTask({ resultType: "task", ...task, ttlMs: 60_000, pollIntervalMs: 500, result: {} })
    assert.deepStrictEqual(legacy, Result.succeed({ ...task, ttl: 60_000, pollInterval: 500 }))
    assert.deepStrictEqual(modern, legacy)
  })

  it("is read as far as it can be: what is missing or odd is left out, and only its id and status are needed", () => {
    const told: Array<string> = []
    const odd = {
      taskId: "t",
      status: "completed",
      ttl: "5000",
      pollInterval: "soon",
      statusMessage: null,
      createdAt: 5
    }
    const read = Tasks.decodeTask(odd, (oddity) => told.push(oddity))
    assert.deepStrictEqual(read, Result.succeed({ taskId: "t", status: "completed", ttl: 5000 }))
    assert.strictEqual(told.length, 2)
    for (const ttl of [undefined, null, "for ever", Number.NaN, {}]) {
      assert.deepInclude(Result.getOrThrow(Tasks.decodeTask({ taskId: "t", status: "failed", ttl })), { ttl: null })
    }
    for (const none of [null, 5, [], {}, { taskId: 5, status: "working" }, { taskId: "t", status: "asleep" }]) {
      assert.isTrue(Result.isFailure(Tasks.decodeTask(none)), JSON.stringify(none))
    }
  })

  it("is told from an answer", () => {
    const task = { taskId: "t", status: "working" }
    assert.deepStrictEqual(Tasks.newTaskIn({ task, _meta: {} }), task)
    assert.deepInclude(Tasks.newTaskIn({ resultType: "task", ...task }) ?? {}, task)
    for (const answer of [{ content: [], task: "t" }, { content: [] }, { resultType: "complete", ...task }, null, 5]) {
      assert.isUndefined(Tasks.newTaskIn(answer))
    }
  })

  it("is known to be over by its status", () => {
    const over = Tasks.TaskStatus.literals.filter((status) => Tasks.hasEnded({ status }))
    assert.deepStrictEqual(over, ["completed", "failed", "cancelled"])
  })
})

describe("the questions of a task", () => {
  it("are read one by one; what is no question is left out", () => {
    const question = { method: "elicitation/create", params: { message: "?" } }
    const questions = Tasks.questionsIn({ inputRequests: { a: question, b: null, c: { params: {} } } })
    assert.deepStrictEqual([...questions], [["a", question]])
    for (const none of [null, {}, { inputRequests: [] }, { inputRequests: "a" }]) {
      assert.strictEqual(Tasks.questionsIn(none).size, 0)
    }
  })
})

describe("a page of tasks", () => {
  it("leaves out what is no task, and tells it", () => {
    const told: Array<string> = []
    const page = Tasks.decodeListTasksResult(
      { tasks: [{ taskId: "t", status: "working", ttl: null }, { taskId: "u" }], nextCursor: null },
      (oddity) => told.push(oddity)
    )
    assert.deepStrictEqual(page, Result.succeed({ tasks: [{ taskId: "t", status: "working", ttl: null }] }))
    assert.match(told.join(), /^task 2 is left out/)
  })
})

describe("a server", () => {
  it("has tasks if it says so in the words of its era", () => {
    assert.isTrue(Tasks.areOffered({ tasks: { requests: { tools: { call: {} } } } }))
    for (const none of [{}, { tasks: {} }, { tasks: { requests: {} } }, { tasks: { requests: { tools: {} } } }]) {
      assert.isFalse(Tasks.areOffered(none))
    }
    assert.isTrue(Tasks.areExtended({ extensions: { "io.modelcontextprotocol/tasks": {} } }))
    for (const none of [{}, { extensions: {} }, { extensions: { "io.modelcontextprotocol/tasks": null } }]) {
      assert.isFalse(Tasks.areExtended(none))
    }
  })
})
