import type { Endpoint } from "@holdfast/mcp/Endpoint"

/** The url of an endpoint, without what may be a secret. */
export const plainUrl = (endpoint: Endpoint): string => {
  if (endpoint._tag === "Stdio" || !URL.canParse(endpoint.url)) return endpoint._tag
  const { host, pathname, protocol } = new URL(endpoint.url)
  return `${protocol}//${host}${pathname}`
}
