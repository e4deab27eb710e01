/* endpoints.c - the table of all endpoints. */
#include "api/api.h"

#include "base/own.h"

const struct endpoint *const api_rows[] = {
#define ENDPOINT(row) &row,
#include "api/endpoints.inc"
#undef ENDPOINT
};
const size_t api_rows_n = ARRAY_LEN(api_rows);
const char *const api_row_names[] = {
#define ENDPOINT(row) #row,
#include "api/endpoints.inc"
#undef ENDPOINT
};
