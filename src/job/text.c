/*
 * text.c
 *	  The text of a job's statement, with chunk_range() in it.
 *
 * chunk_range(name) stands for the condition that a row of the job's relation,
 * which the statement has under that name, is in the chunk.  The server's own
 * scanner finds it, so that nothing in a string, a comment or quotes is taken
 * for it.  It is replaced in the text before that is parsed.  Positions of
 * errors in the expanded text are mapped to the user's text.
 *
 * The scanner is given no keywords, so that every word is a name.  It reads
 * strings as the parser does later, under the same settings of the job.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/scanner.h"

#include "job/text.h"

/* A token; chunk_range(name) is four of them. */
typedef struct Token
{
	int			start;			/* offset */
	int			code;			/* a character, or something else */
	char	   *word;			/* a name; NULL: none */
	bool		quoted;
} Token;

typedef struct Tokens
{
	const char *sql;
	core_yy_extra_type extra;
	core_yyscan_t scanner;
} Tokens;

static Token next_token(Tokens *tokens);
static bool is_name(const char *token);
static void check_param(const Tokens *tokens, int start, int number, int nparams);
static void read_range(Tokens *tokens, CiterJobText *text, int start);
static void add_range(CiterJobText *text, const char *name, int start, int end);
static int	user_offset(const CiterJobText *text, int offset);

/* The lookup ignores words that are longer than the longest keyword. */
static const ScanKeywordList no_keywords = {.max_kw_len = 0};

/*
 * Reads a statement that may use parameters up to $nparams, in the current
 * memory context.  Throws the scanner's errors; 42P02 for a parameter that
 * does not exist, 22023 for a chunk_range() without a name.
 */
CiterJobText *
citer_job_text_read(const char *sql, int nparams)
{
	CiterJobText *text = palloc0(sizeof(CiterJobText));
	Tokens		tokens = {.sql = sql};
	Token		before = {0};
	Token		token;
	Token		next;

	text->sql = pstrdup(sql);
	tokens.scanner = scanner_init(sql, &tokens.extra, &no_keywords, NULL);
	for (token = next_token(&tokens); token.code != 0; before = token, token = next)
	{
		if (sql[token.start] == '$' && sql[token.start + 1] >= '0' && sql[token.start + 1] <= '9')
		{
			check_param(&tokens, token.start, atoi(sql + token.start + 1), nparams);
			text->has_params = true;
		}
		next = next_token(&tokens);
		/* A name after a dot is qualified and not ours. */
		if (token.word != NULL && !token.quoted && before.code != '.' &&
			strcmp(token.word, CITER_CHUNK_RANGE) == 0 && next.code == '(')
		{
			read_range(&tokens, text, token.start);
			next = next_token(&tokens);
		}
	}
	scanner_finish(tokens.scanner);
	return text;
}

/*
 * A range for the relation that has this name in a command of the text, behind the
 * WHERE of the command, which has one; in the current memory context.
 */
CiterJobTextRange *
citer_job_text_imply(const CiterJobText *text, const char *name, const RawStmt *command)
{
	const char *start = text->sql + command->stmt_location;
	char	   *sql = command->stmt_len > 0 ? pnstrdup(start, command->stmt_len) : pstrdup(start);
	Tokens		tokens = {.sql = sql};
	CiterJobTextRange *range = palloc0(sizeof(CiterJobTextRange));
	int			depth = 0;
	Token		token;

	tokens.scanner = scanner_init(sql, &tokens.extra, &no_keywords, NULL);
	do
	{
		token = next_token(&tokens);
		depth += (token.code == '(') - (token.code == ')');
	} while (token.code != 0 &&
			 (depth > 0 || token.word == NULL || token.quoted || strcmp(token.word, "where") != 0));
	scanner_finish(tokens.scanner);
	range->name = pstrdup(name);
	range->start = range->end = command->stmt_location + token.start + strlen("where");
	range->implied = true;
	return range;
}

/* Adds ranges that are not in the text, in order of their place. */
void
citer_job_text_add_implied(CiterJobText *text, List *ranges)
{
	ListCell   *cell;

	foreach(cell, ranges)
	{
		const CiterJobTextRange *range = lfirst(cell);

		add_range(text, range->name, range->start, range->end);
		text->ranges[text->nranges - 1].implied = true;
	}
}

/*
 * Replaces each of the text's ranges by its condition; text->expanded is in
 * the current memory context.
 */
void
citer_job_text_expand(CiterJobText *text, const CiterJobTextCondition *conditions)
{
	StringInfoData sql;
	int			done = 0;

	initStringInfo(&sql);
	for (int i = 0; i < text->nranges; i++)
	{
		CiterJobTextRange *range = &text->ranges[i];

		appendBinaryStringInfo(&sql, text->sql + done, range->start - done);
		range->expanded_start = sql.len;
		appendStringInfo(&sql, "%s(%s", range->implied ? " " : "", conditions[i].key);
		range->expanded_key_end = sql.len;
		if (conditions[i].filter != NULL)
			appendStringInfo(&sql, " AND %s", conditions[i].filter);
		appendStringInfo(&sql, ")%s", range->implied ? " AND" : "");
		range->expanded_end = sql.len;
		done = range->end;
	}
	appendStringInfoString(&sql, text->sql + done);
	text->expanded = sql.data;
}

/*
 * Maps an error position in the expanded text to one in the user's text; both
 * count characters, from 1. A position in a condition becomes that of its
 * chunk_range.
 */
int
citer_job_text_user_position(const CiterJobText *text, int position)
{
	int			offset = pg_mbcharcliplen(text->expanded, strlen(text->expanded), position - 1);

	return pg_mbstrlen_with_len(text->sql, user_offset(text, offset)) + 1;
}

/* The range whose condition on the key is at an offset of the expanded text. */
const CiterJobTextRange *
citer_job_text_range_with_key(const CiterJobText *text, int offset)
{
	for (int i = 0; i < text->nranges; i++)
	{
		if (offset >= text->ranges[i].expanded_start && offset < text->ranges[i].expanded_key_end)
			return &text->ranges[i];
	}
	return NULL;
}

/* The range that is at the position of an error in the user's text, or NULL. */
const CiterJobTextRange *
citer_job_text_range_of_error(const CiterJobText *text, int position)
{
	for (int i = 0; i < text->nranges; i++)
	{
		if (pg_mbstrlen_with_len(text->sql, text->ranges[i].start) + 1 == position)
			return &text->ranges[i];
	}
	return NULL;
}

/* Reads the next token; its code is 0 at the end. */
static Token
next_token(Tokens *tokens)
{
	Token		token = {0};
	core_YYSTYPE value;
	YYLTYPE		location;

	token.code = core_yylex(&value, &location, tokens->scanner);
	token.start = location;
	if (token.code != 0 && is_name(tokens->sql + location))
	{
		token.word = value.str;
		token.quoted = tokens->sql[location] == '"';
	}
	return token;
}

/* Whether a token, given by its text, is a name other than U&"". */
static bool
is_name(const char *token)
{
	unsigned char c = (unsigned char) token[0];

	if (c == '"')
		return true;
	if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IS_HIGHBIT_SET(c)))
		return false;
	/* E'', B'', X'', U&'' and U&"" begin with a letter, too. */
	if (token[1] == '\'')
		return c == 'n' || c == 'N';
	return !((c == 'u' || c == 'U') && token[1] == '&' && (token[2] == '\'' || token[2] == '"'));
}

/* 42P02 if there is no parameter of that number. */
static void
check_param(const Tokens *tokens, int start, int number, int nparams)
{
	if (number < 1 || number > nparams)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_PARAMETER),
				 errmsg("there is no parameter $%d", number),
				 scanner_errposition(start, tokens->scanner)));
}

/* Reads what follows "chunk_range(", whose first character is at start. */
static void
read_range(Tokens *tokens, CiterJobText *text, int start)
{
	Token		name = next_token(tokens);
	Token		end = {0};

	if (name.word != NULL)
		end = next_token(tokens);
	if (end.code != ')')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s() takes one name", CITER_CHUNK_RANGE),
				 errhint("Write the name or alias that the job's relation has in the statement: UPDATE orders AS o ... WHERE %s(o).",
						 CITER_CHUNK_RANGE),
				 scanner_errposition(start, tokens->scanner)));
	add_range(text, name.word, start, end.start + 1);
}

static void
add_range(CiterJobText *text, const char *name, int start, int end)
{
	CiterJobTextRange *range;

	text->ranges = text->ranges == NULL ? palloc(sizeof(CiterJobTextRange)) :
		repalloc(text->ranges, sizeof(CiterJobTextRange) * (text->nranges + 1));
	range = &text->ranges[text->nranges++];
	memset(range, 0, sizeof(*range));
	range->name = pstrdup(name);
	range->start = start;
	range->end = end;
}

/* The offset in the user's text of one in the expanded text. */
static int
user_offset(const CiterJobText *text, int offset)
{
	int			shift = 0;

	for (int i = 0; i < text->nranges; i++)
	{
		const CiterJobTextRange *range = &text->ranges[i];

		if (offset < range->expanded_start)
			break;
		if (offset < range->expanded_end)
			return range->start;
		shift = range->end - range->expanded_end;
	}
	return offset + shift;
}
