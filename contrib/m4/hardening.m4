# TOCSIN_TRY_FLAG(FLAG, VARIABLE): add FLAG to VARIABLE if compiling and linking work with it.
AC_DEFUN([TOCSIN_TRY_FLAG], [
AS_VAR_PUSHDEF([cache], [tocsin_cv_flag_$1])
AC_CACHE_CHECK([whether $CC takes $1], [cache], [
	tocsin_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $1"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cache], [yes])],
		[AS_VAR_SET([cache], [no])])
	CFLAGS=$tocsin_save_CFLAGS])
AS_VAR_IF([cache], [yes], [$2="${$2} $1"])
AS_VAR_POPDEF([cache])
])

# TOCSIN_HARDENING: flags that make exploiting a bug harder. On unless --disable-hardening.
AC_DEFUN([TOCSIN_HARDENING], [
AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening],
	[do without the flags that make exploiting bugs harder])], [], [enable_hardening=yes])
HARDEN_CFLAGS= HARDEN_LDFLAGS= tocsin_hardening=off
TOCSIN_TRY_FLAG([-Wl,--as-needed], [HARDEN_LDFLAGS])
AS_IF([test "x$enable_hardening" = xyes], [
	for f in -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
		-ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks \
		-fno-strict-overflow -fPIE; do
		TOCSIN_TRY_FLAG([$f], [HARDEN_CFLAGS])
	done
	for f in -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code; do
		TOCSIN_TRY_FLAG([$f], [HARDEN_LDFLAGS])
	done
	# Sanitizers bring their own checks and do not get on with these.
	AS_IF([test -z "$tocsin_san"], [
		HARDEN_CFLAGS="$HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
	tocsin_hardening=`echo "$HARDEN_CFLAGS $HARDEN_LDFLAGS" | wc -w`" flags"])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
])
