/*
 * net_text.c - why an exchange failed, in words that tell an operator what to do. Never shows a URL,
 * which may hold a password, nor a header.
 */
#include <string.h>

#include "sync/net_curl.h"

/* OpenSSL's verification results; its headers are not at home in this room. */
static const struct {
	long result;
	const char *text;
} verify_texts[] = {
	{9, "the server's certificate is not valid yet: is the clock right, here and there?"},
	{10, "the server's certificate has expired: it has to be renewed there"},
	{18, "the server's certificate is signed by itself: give it as the server's CA file (cert_file), or "
	     "pin its key"},
	{19, "the server's certificate comes from a CA that is not trusted here: give that CA's "
	     "certificate as the server's CA file (cert_file), or pin the server's key"},
	{20, "the server's certificate comes from a CA that is not trusted here: give that CA's "
	     "certificate as the server's CA file (cert_file), or pin the server's key"},
	{21, "the server sends its certificate without those between it and its CA: they have to be added "
	     "there, or given here as the server's CA file (cert_file)"},
	{23, "the server's certificate has been revoked"},
	{26, "the server's certificate is not meant for servers"},
};

static enum err verify_error(const struct transfer *t, struct fail *f)
{
	for (size_t i = 0; i < ARRAY_LEN(verify_texts); i++)
		if (verify_texts[i].result == t->verify)
			return fail(f, ERR_NET, "%s", verify_texts[i].text);
	if (strstr(t->error, "subject name") || t->verify == 62 || t->verify == 64)
		return fail(f, ERR_NET,
			    "the server's certificate is for another name: use the name that it was "
			    "issued for in the server's URL (%s)",
			    t->error);
	return fail(f, ERR_NET, "the server's certificate is not accepted: %s", t->error);
}

/* What a TLS library says, by a part of its text. */
static const struct {
	const char *part;
	enum err err;
	const char *text;
} tls_texts[] = {
	{"certificate required", ERR_NET,
	 "the server wants a client certificate: give one with its key (client_cert_file)"},
	{"alert handshake failure", ERR_NET,
	 "the server ends the TLS handshake: it may want a client certificate (client_cert_file), or "
	 "speak no TLS of ours"},
	{"alert bad certificate", ERR_NET, "the server does not accept our client certificate"},
	{"alert unknown ca", ERR_NET, "the server does not know the CA of our client certificate"},
	{"alert certificate expired", ERR_NET, "our client certificate has expired"},
	{"wrong version number", ERR_NET,
	 "the server does not speak TLS on this port: is it http:// and not https://?"},
	{"HTTP/0.9", ERR_PEER,
	 "the server does not answer in HTTP: is it https:// and not http://, or another port?"},
};

/* TLS 1.3 lets a client send before the server has said what it makes of its certificate, or that it
   wants one. */
static enum err broken_error(const struct transfer *t, const char *text, struct fail *f)
{
	if (t->status == 0 && strncmp(t->req.url, "https:", 6) == 0)
		return fail(f, ERR_NET,
			    "the connection broke before an answer came: the server may %s client "
			    "certificate (client_cert_file) (%s)",
			    t->req.opts->cert_file ? "not accept our" : "want a", text);
	return fail(f, ERR_NET, "the connection broke (%s)", text);
}

enum err transfer_error(const struct transfer *t, struct fail *f)
{
	const char *text = t->error[0] ? t->error : curl_easy_strerror(t->code);
	const struct client_opts *o = t->req.opts;
	if (t->err == ERR_LIMIT)
		return fail(f, ERR_LIMIT, "the head of the answer is larger than %zu KiB",
			    TRANSFER_HEAD_MAX / 1024);
	for (size_t i = 0; i < ARRAY_LEN(tls_texts); i++)
		if (strstr(text, tls_texts[i].part))
			return fail(f, tls_texts[i].err, "%s", tls_texts[i].text);
	switch ((int)t->code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return verify_error(t, f);
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return fail(f, ERR_NET,
			    "the server's public key is not the pinned one: it has a new certificate "
			    "(then change the pin), or somebody is in between");
	case CURLE_SSL_CACERT_BADFILE:
		return fail(f, ERR_NET,
			    "the CA file %s cannot be read (outside of /etc it has to be listed under "
			    "readable), or holds no certificate in PEM form",
			    o->ca_file ? o->ca_file : "of the system");
	case CURLE_SSL_CERTPROBLEM:
		return fail(f, ERR_NET,
			    "our client certificate %s cannot be used: it has to be readable (outside of "
			    "/etc: listed under readable) and to hold certificate and key in PEM form "
			    "(%s)",
			    o->cert_file ? o->cert_file : "", text);
	case CURLE_OPERATION_TIMEDOUT:
		return fail(f, ERR_TIMEOUT, "%s", text);
	case CURLE_OUT_OF_MEMORY:
		return fail(f, ERR_NOMEM, "no memory for a request");
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return fail(f, ERR_INVAL, "%s", text);
	case CURLE_PARTIAL_FILE:
		return fail(f, ERR_NET, "the answer ended early (%s)", text);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return broken_error(t, text, f);
	case CURLE_GOT_NOTHING:
		if (t->req.opts->cert_file)
			return broken_error(t, text, f);
		return fail(f, ERR_NET, "the server closed the connection without an answer");
	case CURLE_ABORTED_BY_CALLBACK:
		return fail(f, ERR_CANCELLED, "cancelled");
	case CURLE_WEIRD_SERVER_REPLY:
		return fail(f, ERR_PEER, "the server does not answer in HTTP (%s)", text);
	default:
		return fail(f, ERR_NET, "%s", text);
	}
}
