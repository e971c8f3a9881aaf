const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces `${NAME}` in a URL by environment variables. In the user and password part the values
 * are percent-encoded, so a password may hold any character. Returns the names that are not set.
 */
export function substituteEnvironment(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly text: string; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const fill = (part: string, encode: (value: string) => string) =>
    part.replace(variable, (_, name: string) => {
      const value = environment[name];
      if (value === undefined) missing.push(name);
      return encode(value ?? '');
    });
  const credentialsEnd = text.lastIndexOf('@') + 1;
  const filled =
    fill(text.slice(0, credentialsEnd), encodeURIComponent) +
    fill(text.slice(credentialsEnd), String);
  return { text: filled, missing };
}
