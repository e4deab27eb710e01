/*
 * migrate.c - from an older format to the present one, one version at a time, in one transaction.
 * A new format adds a row here whose function changes what is on disk; rows are never removed.
 */
#include "store/internal.h"

#include "base/log.h"

struct migration {
	uint32_t from; /* makes from + 1 of it */
	const char *what;
	enum err (*run)(struct store *s, MDB_txn *txn, struct fail *f);
};

/* Opening makes the databases that a newer format has; older programs must not write beside them. */
static enum err new_databases(struct store *s, MDB_txn *txn, struct fail *f)
{
	(void)s, (void)txn, (void)f;
	return ERR_OK;
}

/* Format 1 is the first. The row of 0 ends the table. */
static const struct migration migrations[] = {
	{1, "ledger, audit log, quarantine, approvals, retractions", new_databases},
	{2, "tables of templates, lists, decaying models, delegations, registrations", new_databases},
	{3, "tables of tag collections, saved searches, subscriptions, TAXII", new_databases},
	{0, NULL, NULL},
};

static const struct migration *migration_of(uint32_t from)
{
	for (const struct migration *m = migrations; m->run; m++)
		if (m->from == from)
			return m;
	return NULL;
}

enum err store_migrate(struct store *s, MDB_txn *txn, uint32_t from, struct fail *f)
{
	for (; from < STORE_FORMAT; from++) {
		const struct migration *m = migration_of(from);
		uint8_t format[4] = {(uint8_t)(from + 1), (uint8_t)((from + 1) >> 8)};
		MDB_val k = VAL("format", 6), v = VAL(format, sizeof(format));
		int rc;

		if (!m)
			return fail(f, ERR_VERSION, "no way from store format %u", from);
		log_info(ROOM, "migrate_from=%u what=%s", from, log_val(str_c(m->what)));
		TRY(m->run(s, txn, f));
		rc = mdb_put(txn, s->dbi[DB_META], &k, &v, 0);
		if (rc)
			return db_fail(f, rc, DB_META, "format");
	}
	return ERR_OK;
}
