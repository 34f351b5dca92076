/** Wraps the platform: the thread that reads and matches. It is told what to do one task at a time, and answers. */
import { parentPort, workerData } from "node:worker_threads"
import type { ScanRule } from "../ScanRules.ts"
import { compile } from "./matchLines.ts"
import { list, scan } from "./scanFiles.ts"

export type Task =
  | { readonly _tag: "List"; readonly root: string }
  | { readonly _tag: "Scan"; readonly root: string; readonly paths: ReadonlyArray<string> }

// Who starts this thread gives it the rules.
const rules = compile((workerData as { readonly rules: ReadonlyArray<ScanRule> }).rules)

parentPort?.on("message", (task: Task) => {
  const answer = task._tag === "List"
    ? list(task.root)
    : scan(task.root, task.paths, rules, (index) => parentPort?.postMessage({ _tag: "At", index }))
  parentPort?.postMessage({ _tag: "Done", answer })
})
