#!/bin/sh
# Example of a job wrapper: alien_work_queue --job-wrapper PREFIX/etc/alien_job_wrapper.sh
#
# It is started as  alien_job_wrapper.sh ./agent.sh ARGUMENTS...  in the pilot's sandbox, may change its environment,
# and must end with  exec "$@".  This one gives the pilot a clean environment: HOME, USER, a plain PATH and locale, every
# ALIEN_*, what the submission set (its names are in AWQ_JOB_ENV), and what the batch system provides. What else your site
# wants, name in the setting AWQ_KEEP_ENV on the head node: names or patterns, separated by blanks or commas ("FOO BAR_*").

keep() {
    case " $awq_submitted " in *" $1 "*) return 0 ;; esac
    case $1 in
        ALIEN_WORKQUEUE) return 1 ;; # where our own commands are: nothing to a pilot
        HOME | USER | LOGNAME | PATH | LANG | LC_* | TZ | SHELL | PWD) return 0 ;;
        ALIEN_* | JALIEN_*) return 0 ;;
        X509_* | BEARER_TOKEN* | http_proxy | https_proxy | HTTP_PROXY | HTTPS_PROXY | no_proxy | NO_PROXY) return 0 ;;
        ftp_proxy | FTP_PROXY | all_proxy | ALL_PROXY) return 0 ;;
        TMPDIR | TMP | TEMP | _CONDOR_* | MACHINEFEATURES | JOBFEATURES | OMP_NUM_THREADS) return 0 ;;
        APPTAINER_* | SINGULARITY_* | CUDA_* | ROCR_* | HIP_VISIBLE_DEVICES | GPU_DEVICE_ORDINAL) return 0 ;;
    esac
    for awq_pattern in $awq_more; do
        # shellcheck disable=SC2254  # it is a pattern
        case $1 in $awq_pattern) return 0 ;; esac
    done
    return 1
}

# The names of exported shell functions: bash hands them on as variables that no shell can unset by their own name.
functions() { env | sed -n 's/^BASH_FUNC_\([A-Za-z_][A-Za-z0-9_]*\)%%=.*/\1/p'; }

set -f # patterns are not file names
awq_submitted=${AWQ_JOB_ENV:-}
awq_path=$PATH
PATH=/usr/local/bin:/usr/bin:/bin
awq_more=$(printf '%s' "${AWQ_KEEP_ENV:-}" | tr ',' ' ')

for awq_name in $(functions); do
    unset -f "$awq_name" 2> /dev/null || :
done
for awq_name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    keep "$awq_name" || unset "$awq_name" 2> /dev/null || :
done
case " $awq_submitted " in *" PATH "*) PATH=$awq_path ;; esac
export PATH

exec "$@"
