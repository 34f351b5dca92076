/**
 * The command line of `holdfast`: its words. Each is a file of `words/`, with its flags and help.
 *
 * A word's code (`commands/`) is loaded when it runs, so that `--help`, `--version` and mistakes answer at once.
 */
import * as CliCommand from "effect/cli/Command"
import { add } from "./words/add.ts"
import { adopt } from "./words/adopt.ts"
import { answer } from "./words/answer.ts"
import { batch } from "./words/batch.ts"
import { call } from "./words/call.ts"
import { complete } from "./words/complete.ts"
import { completion } from "./words/completion.ts"
import { daemon } from "./words/daemon.ts"
import { dashboard } from "./words/dashboard.ts"
import { doctor } from "./words/doctor.ts"
import { events } from "./words/events.ts"
import { help } from "./words/help.ts"
import { importing } from "./words/import.ts"
import { logs } from "./words/logs.ts"
import { close, drain, reset } from "./words/operations.ts"
import { prompt } from "./words/prompt.ts"
import { prompts } from "./words/prompts.ts"
import { questions } from "./words/questions.ts"
import { read } from "./words/read.ts"
import { record } from "./words/record.ts"
import { remove } from "./words/remove.ts"
import { replay } from "./words/replay.ts"
import { resources } from "./words/resources.ts"
import { root } from "./words/root.ts"
import { servers } from "./words/servers.ts"
import { share } from "./words/share.ts"
import { connect, wrap } from "./words/shim.ts"
import { status } from "./words/status.ts"
import { task } from "./words/task.ts"
import { tasks } from "./words/tasks.ts"
import { tools } from "./words/tools.ts"
import { top } from "./words/top.ts"
import { why } from "./words/why.ts"

export { Outcome } from "./Outcome.ts"

/** The whole command line. */
export const command = root.pipe(CliCommand.withSubcommands([
  tools,
  call,
  batch,
  resources,
  read,
  prompts,
  prompt,
  complete,
  questions,
  answer,
  tasks,
  task,
  connect,
  wrap,
  record,
  replay,
  servers,
  status,
  top,
  why,
  logs,
  events,
  dashboard,
  doctor,
  reset,
  drain,
  close,
  share,
  daemon,
  add,
  remove,
  importing,
  adopt,
  completion,
  help
]))
