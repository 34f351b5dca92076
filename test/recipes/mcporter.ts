/**
 * mcporter's config as ours. It has the same `mcpServers` with more spellings; what is left of it is for mcporter alone.
 *
 * Not taken over: `imports` (name the servers), OAuth token caches, and a `command` that needs a shell's quotes.
 */
type Json = Readonly<Record<string, unknown>>

/** From the text of `mcporter.json` to what belongs into `mcp.json`. */
export const fromMcporter = (text: string): { readonly mcpServers: Json } => {
  const { mcpServers = {} }: { readonly mcpServers?: Readonly<Record<string, Json>> } = JSON.parse(text)
  return {
    mcpServers: Object.fromEntries(Object.entries(mcpServers).map(([name, entry]) => [name, fromEntry(name, entry)]))
  }
}

const fromEntry = (name: string, entry: Json): Json => {
  const { cwd, env } = entry
  const url = entry["baseUrl"] ?? entry["base_url"] ?? entry["url"] ?? entry["serverUrl"] ?? entry["server_url"]
  if (url !== undefined) return { url, headers: headersOf(entry) }
  const [command, ...args] = wordsOf(name, entry)
  return { command, args, ...(env !== undefined && { env }), ...(cwd !== undefined && { cwd }) }
}

const wordsOf = (name: string, { args, command }: Json): ReadonlyArray<string> => {
  const rest = Array.isArray(args) ? args.map(String) : []
  if (Array.isArray(command)) return [...command.map(String), ...rest]
  const text = String(command ?? "")
  if (/["'\\]/.test(text)) throw new Error(`${name}: write its command as a list of words: ${text}`)
  return [...(rest.length === 0 ? text.trim().split(/\s+/) : [text]), ...rest]
}

const headersOf = (entry: Json): Json => {
  const { headers = {} }: { readonly headers?: Json } = entry
  const tokenVariable = entry["bearerTokenEnv"] ?? entry["bearer_token_env"]
  const token = tokenVariable === undefined
    ? entry["bearerToken"] ?? entry["bearer_token"]
    : `\${${String(tokenVariable)}}`
  return {
    ...Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, String(value).replace(/\$env:(\w+)/g, "${$1}")])
    ),
    ...(token !== undefined && { Authorization: `Bearer ${String(token)}` })
  }
}
