//! The answers that clients of the services see and that tools print [QG-1.5].

/// Why a request was not carried out. Success has no code here; in the numbers clients see it is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[repr(u8)]
pub enum CsError {
    /// 2.
    #[error("CS_ERR_LIBRARY")]
    Library = 2,
    /// 3.
    #[error("CS_ERR_VERSION")]
    Version = 3,
    /// 4.
    #[error("CS_ERR_INIT")]
    Init = 4,
    /// 5.
    #[error("CS_ERR_TIMEOUT")]
    Timeout = 5,
    /// 6: ask again later.
    #[error("CS_ERR_TRY_AGAIN")]
    TryAgain = 6,
    /// 7.
    #[error("CS_ERR_INVALID_PARAM")]
    InvalidParam = 7,
    /// 8.
    #[error("CS_ERR_NO_MEMORY")]
    NoMemory = 8,
    /// 9.
    #[error("CS_ERR_BAD_HANDLE")]
    BadHandle = 9,
    /// 10.
    #[error("CS_ERR_BUSY")]
    Busy = 10,
    /// 11.
    #[error("CS_ERR_ACCESS")]
    Access = 11,
    /// 12.
    #[error("CS_ERR_NOT_EXIST")]
    NotExist = 12,
    /// 13.
    #[error("CS_ERR_NAME_TOO_LONG")]
    NameTooLong = 13,
    /// 14.
    #[error("CS_ERR_EXIST")]
    Exist = 14,
    /// 15.
    #[error("CS_ERR_NO_SPACE")]
    NoSpace = 15,
    /// 16.
    #[error("CS_ERR_INTERRUPT")]
    Interrupt = 16,
    /// 17.
    #[error("CS_ERR_NAME_NOT_FOUND")]
    NameNotFound = 17,
    /// 18.
    #[error("CS_ERR_NO_RESOURCES")]
    NoResources = 18,
    /// 19.
    #[error("CS_ERR_NOT_SUPPORTED")]
    NotSupported = 19,
    /// 20.
    #[error("CS_ERR_BAD_OPERATION")]
    BadOperation = 20,
    /// 21.
    #[error("CS_ERR_FAILED_OPERATION")]
    FailedOperation = 21,
    /// 22.
    #[error("CS_ERR_MESSAGE_ERROR")]
    MessageError = 22,
    /// 23.
    #[error("CS_ERR_QUEUE_FULL")]
    QueueFull = 23,
    /// 24.
    #[error("CS_ERR_QUEUE_NOT_AVAILABLE")]
    QueueNotAvailable = 24,
    /// 25.
    #[error("CS_ERR_BAD_FLAGS")]
    BadFlags = 25,
    /// 26.
    #[error("CS_ERR_TOO_BIG")]
    TooBig = 26,
    /// 27.
    #[error("CS_ERR_NO_SECTIONS")]
    NoSections = 27,
    /// 28.
    #[error("CS_ERR_CONTEXT_NOT_FOUND")]
    ContextNotFound = 28,
    /// 30.
    #[error("CS_ERR_TOO_MANY_GROUPS")]
    TooManyGroups = 30,
    /// 100.
    #[error("CS_ERR_SECURITY")]
    Security = 100,
}

impl CsError {
    /// The number clients see.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The error with this number, if there is one.
    pub fn from_code(code: u8) -> Option<CsError> {
        use CsError::*;
        const ALL: [CsError; 29] = [
            Library,
            Version,
            Init,
            Timeout,
            TryAgain,
            InvalidParam,
            NoMemory,
            BadHandle,
            Busy,
            Access,
            NotExist,
            NameTooLong,
            Exist,
            NoSpace,
            Interrupt,
            NameNotFound,
            NoResources,
            NotSupported,
            BadOperation,
            FailedOperation,
            MessageError,
            QueueFull,
            QueueNotAvailable,
            BadFlags,
            TooBig,
            NoSections,
            ContextNotFound,
            TooManyGroups,
            Security,
        ];
        ALL.into_iter().find(|error| error.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::CsError;

    #[test]
    fn numbers_and_texts_agree() {
        assert_eq!(CsError::InvalidParam.code(), 7);
        assert_eq!(CsError::from_code(17), Some(CsError::NameNotFound));
        assert_eq!(CsError::from_code(1), None);
        assert_eq!(CsError::TryAgain.to_string(), "CS_ERR_TRY_AGAIN");
    }
}
