/**
 * The messages of MCP that callers see: tools, results, content, progress. Here so that a caller needs one package.
 */
export * from "@holdfast/protocol/Messages"
