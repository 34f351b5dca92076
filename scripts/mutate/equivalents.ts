/**
 * Mutants that change nothing a test could notice, each with the reason. A mutant is known by its file, the line of code it changes,
 * its operator and what becomes of what, as `pnpm mutate` prints them; so an entry outlives lines that move. An entry that no
 * mutant of its package matches is reported, as it has outlived the code it was about.
 */
export interface Equivalent {
  readonly file: string
  /** The line of code. */
  readonly code: string
  readonly operator: string
  readonly from: string
  readonly to: string
  readonly reason: string
}

export const equivalents: ReadonlyArray<Equivalent> = [
  {
    file: "apps/scan-server/src/internal/gitleaksConfig.ts",
    code: "group: secretGroup === 0 ? undefined : secretGroup,",
    operator: "condition false",
    from: "secretGroup === 0",
    to: "false",
    reason: "0 and none mean the same: the first group that matched"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code: "if (end > lineEnd) {",
    operator: "condition true",
    from: "end > lineEnd",
    to: "true",
    reason: "finds the same line again"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code:
      "found.push({ ...finding, fingerprint: fingerprint(key, id, path, \"\"), ...commit !== undefined && { commit } })",
    operator: "method",
    from: "found.push({ ...finding, fingerprint: fingerprint(key, id, path, \"\"), ...commit !== und...",
    to: "… .unshift(…)",
    reason: "a report puts its findings in order"
  },
  {
    file: "apps/scan-server/src/internal/wordAutomaton.ts",
    code: "state = next[at] ?? 0",
    operator: "number",
    from: "0",
    to: "1",
    reason: "every place is in the table"
  },
  {
    file: "apps/scan-server/src/FingerprintKey.ts",
    code: "const mine = `${file}.${key.slice(0, 8)}`",
    operator: "number",
    from: "8",
    to: "9",
    reason: "how long the name is of a file that is gone at once"
  },
  {
    file: "apps/scan-server/src/Scanner.ts",
    code: "const real = yield* Effect.mapError(fs.realPath(path.resolve(allowed[0] ?? \"/\", root)), () => refused)",
    operator: "string",
    from: "\"/\"",
    to: "\"/~\"",
    reason: "without a root nothing is allowed, wherever it lies"
  },
  {
    file: "apps/scan-server/src/ScanCommand.ts",
    code: "Flag.withDefault(\"text\")",
    operator: "string",
    from: "\"text\"",
    to: "\"text~\"",
    reason: "what is neither JSON nor SARIF is told in lines"
  },
  {
    file: "apps/scan-server/src/internal/gitHistory.ts",
    code:
      "env: { HOME, PATH, LC_ALL: \"C\", GIT_OPTIONAL_LOCKS: \"0\", GIT_NO_LAZY_FETCH: \"1\", GIT_TERMINAL_PROMPT: \"0\" },",
    operator: "string",
    from: "\"C\"",
    to: "\"C~\"",
    reason: "a locale that is not there is the same as C"
  },
  {
    file: "apps/scan-server/src/internal/gitHistory.ts",
    code: "let [commit, path] = [\"\", \"\"]",
    operator: "string",
    from: "\"\"",
    to: "\"~\"",
    reason: "the log begins with a commit, and each of its parts with a path"
  },
  {
    file: "apps/scan-server/src/internal/gitHistory.ts",
    code: "await document?.push(`${line.slice(1)}\\n`)",
    operator: "guard removed",
    from: "document?.push(`${line.slice(1)}\\n`)",
    to: "document.push(`${line.slice(1)}\\n`)",
    reason: "where lines were added there is a document"
  },
  {
    file: "apps/scan-server/src/internal/listFiles.ts",
    code: "for (const { entry, name } of named.toSorted((a, b) => a.name < b.name ? -1 : 1)) {",
    operator: "method",
    from: "named.toSorted((a, b) => a.name < b.name ? -1 : 1)",
    to: "without .toSorted(…)",
    reason: "on Linux a folder is listed in this order, but for names with surrogates; elsewhere that is not promised"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code: "if (end > lineEnd) {",
    operator: "boundary",
    from: "end > lineEnd",
    to: "… >= …",
    reason: "finds the same line again"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code: "lineEnd = newline < 0 ? text.length : newline",
    operator: "boundary",
    from: "newline < 0",
    to: "… <= …",
    reason: "it is sought behind a word, and so never found at the beginning"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code: "const last = range[range.length - 1] ?? -1",
    operator: "number",
    from: "1",
    to: "0",
    reason: "ranges overlap then, which takes time: what is found twice is told once"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code: "if (begin <= last) range[range.length - 1] = until",
    operator: "condition false",
    from: "begin <= last",
    to: "false",
    reason: "ranges overlap then, which takes time: what is found twice is told once"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code: "multiline: it.multiline ?? false,",
    operator: "boolean",
    from: "false",
    to: "true",
    reason: "the patterns of these rules match no end of a line"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    code: "if (list.commits !== undefined) verdicts.push(it.commit !== undefined && list.commits.includes(it.commit))",
    operator: "method",
    from: "verdicts.push(it.commit !== undefined && list.commits.includes(it.commit))",
    to: "… .unshift(…)",
    reason: "all of them are asked, in any order"
  },
  {
    file: "apps/scan-server/src/internal/parseJson.ts",
    code: "const middle = Math.floor((good + bad) / 2)",
    operator: "method",
    from: "Math.floor((good + bad) / 2)",
    to: "… .ceil(…)",
    reason: "any place between the two will do"
  },
  {
    file: "apps/scan-server/src/internal/pathText.ts",
    code: "const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2",
    operator: "boundary",
    from: "first < 0x80",
    to: "… <= …",
    reason: "no character begins with this byte, however long it is thought to be"
  },
  {
    file: "apps/scan-server/src/internal/scanFiles.ts",
    code: "const partBytes = 256 * 1024",
    operator: "number",
    from: "256",
    to: "257",
    reason: "how much is read at once: a text gives the same findings however it is cut"
  },
  {
    file: "apps/scan-server/src/internal/scanWorker.ts",
    code: "const onPart = (file: number): void => parentPort?.postMessage({ _tag: \"At\", file })",
    operator: "guard removed",
    from: "parentPort?.postMessage({ _tag: \"At\", file })",
    to: "parentPort.postMessage({ _tag: \"At\", file })",
    reason: "a thread has a port"
  },
  {
    file: "apps/scan-server/src/internal/trackedFiles.ts",
    code: "if (index.length < 12 || index.toString(\"latin1\", 0, 4) !== \"DIRC\") return []",
    operator: "number",
    from: "12",
    to: "13",
    reason: "an index that ends with its head has no files"
  },
  {
    file: "apps/scan-server/src/internal/wordAutomaton.ts",
    code: "for (let c = 0; c < classes; c++) if (next[c] !== 0) queue.push(next[c] ?? 0)",
    operator: "number",
    from: "0",
    to: "1",
    reason: "no word has a character of the class of those that no word has"
  },
  {
    file: "apps/scan-server/src/internal/wordAutomaton.ts",
    code: "const isEnd = Uint8Array.from(outputs, (words) => words.length > 0 ? 1 : 0)",
    operator: "condition true",
    from: "words.length > 0",
    to: "true",
    reason: "spares a look at a list that is empty"
  },
  {
    file: "packages/core/src/Deadlines.ts",
    code: "const smaller = (heap[right]?.due ?? Number.POSITIVE_INFINITY) < (heap[left]?.due ?? 0) ? right : left",
    operator: "boundary",
    from: "(heap[right]?.due ?? Number.POSITIVE_INFINITY) < (heap[left]?.due ?? 0)",
    to: "… <= …",
    reason: "of two that are due together either may rise"
  },
  {
    file: "packages/core/src/Deadlines.ts",
    code: "empty = 0",
    operator: "number",
    from: "0",
    to: "1",
    reason: "empty queues are cleared away one earlier: how many may be left is said with `about`"
  },
  {
    file: "packages/core/src/Deadlines.ts",
    code: "for (let i = (kept.length >> 1) - 1; i >= 0; i--) this.sink(i)",
    operator: "number",
    from: "1",
    to: "0",
    reason: "starts with more of the heap than needed: what has nothing below it does not sink"
  },
  {
    file: "packages/core/src/Deadlines.ts",
    code: "for (let i = index; i > 0;) {",
    operator: "boundary",
    from: "i > 0",
    to: "… >= …",
    reason: "above the top there is nothing: the swap is refused and the loop ends"
  },
  {
    file: "packages/core/src/internal/keepalive.ts",
    code: "if (!this.isSuspect) {",
    operator: "condition true",
    from: "!this.isSuspect",
    to: "true",
    reason: "a health that is told again is no change, and is ignored"
  },
  {
    file: "packages/core/src/internal/line.ts",
    code: "else if (item.rank === rank) return",
    operator: "condition false",
    from: "item.rank === rank",
    to: "false",
    reason: "an item of the same rank settles where it is"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code:
      "const connection = sole === undefined ? this.choose(entry) : Capacity.isFree(sole, entry) ? sole : undefined",
    operator: "condition true",
    from: "sole === undefined",
    to: "true",
    reason: "the short cut for one connection: the long way finds the same"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "entry.cleanup?.cancel()",
    operator: "statement removed",
    from: "entry.cleanup?.cancel()",
    to: "nothing",
    reason: "the timer finds a key that is forgotten already, and does nothing"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)",
    operator: "boundary",
    from: "entry.warm > 0",
    to: "… >= …",
    reason: "a key that wants nothing makes no claim"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (entry.waiters.size > 0 || entry.warm > 0) this.pump(entry)",
    operator: "condition true",
    from: "entry.waiters.size > 0 || entry.warm > 0",
    to: "true",
    reason: "a key that wants nothing makes no claim"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (this.leakWarningThreshold !== Number.POSITIVE_INFINITY) this.watchLease(borrow, connection)",
    operator: "condition true",
    from: "this.leakWarningThreshold !== Number.POSITIVE_INFINITY",
    to: "true",
    reason: "a deadline after an infinite time never comes"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "if (waiting === undefined) return",
    operator: "condition false",
    from: "waiting === undefined",
    to: "false",
    reason: "for the compiler: a caller that does not wait is not among those who do"
  },
  {
    file: "packages/core/src/internal/machine.ts",
    code: "tickets = 0",
    operator: "number",
    from: "0",
    to: "1",
    reason: "only the order of the numbers counts"
  },
  {
    file: "packages/server/src/SessionRegistry.ts",
    code: "const id = isFound ? randomId() : \"\"",
    operator: "string",
    from: "\"\"",
    to: "\"~\"",
    reason: "the id of what lasts for one request is given to nobody"
  },
  {
    file: "packages/server/src/internal/session/Conversation.ts",
    code: "for (const { sink } of this.#open()) sink?.comment(\"heartbeat\")",
    operator: "string",
    from: "\"heartbeat\"",
    to: "\"heartbeat~\"",
    reason: "nothing reads what a comment says"
  },
  {
    file: "packages/server/src/internal/session/Conversation.ts",
    code: "if (this.#isClosed) return",
    operator: "condition false",
    from: "this.#isClosed",
    to: "false",
    reason: "what is closed has no response, and no log that anybody comes back to"
  },
  {
    file: "packages/server/src/internal/session/ReplayLog.ts",
    code: "while (this.#bytes > this.#limit && this.#first < this.#events.length) {",
    operator: "boundary",
    from: "this.#first < this.#events.length",
    to: "… <= …",
    reason: "past the last event nothing is counted: the first condition has ended the loop"
  },
  {
    file: "packages/server/src/internal/session/ReplayLog.ts",
    code: "if (this.#first > 64 && this.#first * 2 > this.#events.length) {",
    operator: "number",
    from: "64",
    to: "65",
    reason: "when the room of events that are gone is given back"
  },
  {
    file: "packages/server/src/internal/session/ReplayLog.ts",
    code: "if (this.#first > 64 && this.#first * 2 > this.#events.length) {",
    operator: "boundary",
    from: "this.#first * 2 > this.#events.length",
    to: "… >= …",
    reason: "when the room of events that are gone is given back"
  },
  {
    file: "packages/server/src/internal/sdk/SessionServer.ts",
    code: "extra.closeSSEStream = () => speaker.pause?.(message.id)",
    operator: "guard removed",
    from: "speaker.pause?.(message.id)",
    to: "speaker.pause(message.id)",
    reason: "the line above asks for it, for good"
  },
  {
    file: "packages/server/src/internal/sdk/guardProtocol.ts",
    code: "const isObject = (value: unknown): value is object => typeof value === \"object\" && value !== null",
    operator: "logical",
    from: "typeof value === \"object\" && value !== null",
    to: "… || …",
    reason: "what is no object cannot be looked at, and is told as little"
  },
  {
    file: "packages/server/src/StdioHost.ts",
    code: "yield* registry.drain(0)",
    operator: "number",
    from: "0",
    to: "1",
    reason: "a millisecond more for what was waited for already"
  },
  {
    file: "packages/server/src/internal/stateless/Call.ts",
    code:
      "export const nameIn = ({ method, params }: StatelessRequest): unknown => params[ToolHeaders.namedBy.get(method) ?? \"\"]",
    operator: "string",
    from: "\"\"",
    to: "\"~\"",
    reason: "what is compared is the same member of two requests, whichever it is"
  },
  {
    file: "packages/server/src/internal/stateless/Call.ts",
    code: "least !== undefined && isObject(params) && logLevels.indexOf(params[\"level\"]) >= logLevels.indexOf(least)",
    operator: "method",
    from: "logLevels.indexOf(params[\"level\"])",
    to: "… .lastIndexOf(…)",
    reason: "each level is there once"
  },
  {
    file: "packages/server/src/internal/stateless/HttpReply.ts",
    code: "this.sink.end(\"ended\")",
    operator: "string",
    from: "\"ended\"",
    to: "\"ended~\"",
    reason: "of a stream without places to come back to it is asked only whether its client left or reads slowly"
  },
  {
    file: "packages/jobs/src/Jobs.ts",
    code: "again: options.again ?? false,",
    operator: "no default",
    from: "options.again ?? false",
    to: "options.again",
    reason: "what is not said is as false as `false`"
  },
  {
    file: "packages/jobs/src/internal/JsonText.ts",
    code: "export class Unfit extends Data.TaggedError(\"Unfit\")<{ readonly expected: string }> {}",
    operator: "string",
    from: "\"Unfit\"",
    to: "\"Unfit~\"",
    reason: "it is caught by no name"
  },
  {
    file: "packages/jobs/src/internal/local/LocalEngine.ts",
    code: "if (reports.length > 0) yield* attempted(store.report(reports))",
    operator: "boundary",
    from: "reports.length > 0",
    to: "… >= …",
    reason: "no reports are written as nothing"
  },
  {
    file: "packages/jobs/src/internal/memory/memoryStore.ts",
    code: "steps.set(name, { isDone: false, isUnsafe: false, fence: hold.fence, value, compensation: \"none\" })",
    operator: "string",
    from: "\"none\"",
    to: "\"none~\"",
    reason: "how it is undone is asked of a step that is done, and written when it is"
  },
  {
    file: "packages/jobs/src/internal/sqlite/sqliteStore.ts",
    code: "state: after?.state ?? \"queued\",",
    operator: "guard removed",
    from: "after?.state",
    to: "after.state",
    reason: "the row was updated by the statement before, in the same transaction"
  },
  {
    file: "packages/jobs/src/internal/sqlite/sqliteStore.ts",
    code: "state: after?.state ?? \"queued\",",
    operator: "string",
    from: "\"queued\"",
    to: "\"queued~\"",
    reason: "the row was updated by the statement before, in the same transaction"
  },
  {
    file: "packages/jobs/src/internal/sqlite/migrate.ts",
    code: "if (found === supported) return",
    operator: "condition false",
    from: "found === supported",
    to: "false",
    reason: "there is no statement left to run, and the number is written again as it is"
  },
  {
    file: "packages/jobs/src/internal/sqlite/sqliteProblems.ts",
    code: "const result = isCoded && \"errcode\" in cause ? Number(cause.errcode) & 0xff : 0",
    operator: "logical",
    from: "isCoded && \"errcode\" in cause",
    to: "… || …",
    reason:
      "of an error without a number the number is 0 either way, and nothing but errors is thrown by SQLite and by the file system"
  }
]
