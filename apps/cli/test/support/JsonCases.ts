/** For each word, how `--json` is tried: once with a result, once with a failure. */

import * as path from "node:path"

export interface JsonCase {
  readonly success: ReadonlyArray<string>
  /** The exit code of the success: `doctor` has findings. */
  readonly code?: number
  readonly failure: ReadonlyArray<string>
  /** The id of a call that waits for an answer is to stand after the success. */
  readonly parks?: ReadonlyArray<string>
  /** The id of a task that was left is to stand after the success. */
  readonly leaves?: ReadonlyArray<string>
  /** The failure is that there is no daemon. */
  readonly withoutDaemon?: true
  /** It needs a process of `spy`, which the words before may have ended. */
  readonly ends?: true
  /** The success goes on until it is interrupted. */
  readonly goesOn?: true
}

/** Words that print no result of their own, and why. */
export const plain: ReadonlyMap<string, string> = new Map([
  ["connect", "speaks MCP on stdout"],
  ["wrap", "speaks MCP on stdout"],
  ["record", "speaks MCP on stdout, or prints what call prints"],
  ["replay", "speaks MCP on stdout"],
  ["daemon run", "is the daemon"],
  ["completion", "is for shells"],
  ["help", "is for people"]
])

const unknown = "none"

/** A server with all that `spy` has not. */
const talking = ["--stdio", `'${process.execPath}' '${path.resolve(import.meta.dirname, "talkingServer.ts")}'`]

/** In an order in which each finds what it needs: a daemon with one process of `spy`. */
export const cases: ReadonlyMap<string, JsonCase> = new Map<string, JsonCase>([
  ["call", { success: ["call", "spy", "echo", "text=a"], failure: ["call", "spy", "ecko"] }],
  ["tools", { success: ["tools", "spy"], failure: ["tools", unknown] }],
  ["batch", { success: ["batch"], failure: ["batch", "-j", "0"] }],
  ["resources", { success: ["resources", ...talking], failure: ["resources", unknown] }],
  ["read", { success: ["read", ...talking, "doc://logo"], failure: ["read", ...talking, "doc://none"] }],
  ["prompts", { success: ["prompts", ...talking], failure: ["prompts", unknown] }],
  ["prompt", { success: ["prompt", ...talking, "chat"], failure: ["prompt", ...talking, unknown] }],
  [
    "complete",
    { success: ["complete", ...talking, "review", "language="], failure: ["complete", ...talking, "review"] }
  ],
  ["questions", { success: ["questions"], failure: ["questions", unknown] }],
  [
    "answer",
    {
      success: ["answer", "--decline"],
      failure: ["answer", unknown],
      parks: ["call", ...talking, "ask", "--park", "--json"]
    }
  ],
  ["tasks", { success: ["tasks"], failure: ["tasks", "--deadline", "soon"] }],
  ["task", { success: ["task"], failure: ["task", unknown], leaves: ["call", "worker", "work", "--detach"] }],
  ["servers", { success: ["servers"], failure: ["servers", "-c", "none.json"] }],
  ["status", { success: ["status"], failure: ["status"], withoutDaemon: true }],
  ["daemon status", { success: ["daemon", "status"], failure: ["daemon", "status"], withoutDaemon: true }],
  ["top", { success: ["top"], failure: ["top"], withoutDaemon: true }],
  ["why", { success: ["why", "spy"], failure: ["why", unknown] }],
  ["logs", { success: ["logs", "spy"], failure: ["logs", "spy"], withoutDaemon: true }],
  ["events", { success: ["events"], failure: ["events"], withoutDaemon: true }],
  [
    "dashboard",
    { success: ["dashboard", "--no-open"], failure: ["dashboard", "--port", "70000"], goesOn: true }
  ],
  ["doctor", { success: ["doctor"], failure: ["doctor", "--deadline", "soon"] }],
  ["add", { success: ["add", "--to", "other.json", "x", "y"], failure: ["add", "x", "http://"] }],
  ["remove", { success: ["remove", "--from", "other.json", "x"], failure: ["remove", unknown] }],
  ["import", { success: ["import", "cursor"], failure: ["import", unknown] }],
  ["adopt", { success: ["adopt", "cursor"], failure: ["adopt", unknown] }],
  ["share", { success: ["share", "spy"], failure: ["share", unknown] }],
  ["reset", { success: ["reset", "spy"], failure: ["reset", unknown], ends: true }],
  ["daemon reset", { success: ["daemon", "reset", "spy"], failure: ["daemon", "reset", unknown], ends: true }],
  ["drain", { success: ["drain", "spy"], failure: ["drain", unknown], ends: true }],
  ["daemon drain", { success: ["daemon", "drain", "spy"], failure: ["daemon", "drain", unknown], ends: true }],
  ["close", { success: ["close", "spy"], failure: ["close", unknown], ends: true }],
  ["daemon close", { success: ["daemon", "close", "spy"], failure: ["daemon", "close", unknown], ends: true }],
  ["daemon unit", { success: ["daemon", "unit"], failure: ["daemon", "unit", "--systemd", "--launchd"] }],
  ["daemon restart", { success: ["daemon", "restart"], failure: ["daemon", "restart", "--soon"] }],
  ["daemon stop", { success: ["daemon", "stop"], failure: ["daemon", "stop", "--now"] }]
])
