export function keysIn(script: string, keys: string[]): string[];
