/**
 * Which requests may be sent again although they may have run: those that read, and those that say what is to be true
 * afterwards. Tools are asked for their hints instead.
 */
const repeatable: ReadonlySet<string> = new Set([
  "ping",
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "prompts/list",
  "prompts/get",
  "completion/complete",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/get",
  "tasks/list",
  "tasks/result",
  "tasks/update",
  "tasks/cancel"
])

export const isRepeatable = (method: string): boolean => repeatable.has(method)
