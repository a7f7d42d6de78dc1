//! The operations of S3 that are refused, under the names of its published model.

use super::operations::Of;

/// An operation that is refused: its method, and S3's name for it.
pub(super) type Refused = (&'static str, &'static str);

/// An upload from a form in a browser; it has no name in the model.
pub(in crate::local) const POST_OBJECT: &str = "PostObject";

macro_rules! refused {
    ($($of:ident [$($mark:literal),*] $($method:ident $name:ident),+;)+) => {
        &[$((Of::$of, &[$($mark),*], &[$((stringify!($method), stringify!($name))),+])),+]
    };
}

/// What is refused by name: the resource, the parameters that mark it, and the operations by method.
/// Those with more marks come last.
pub(super) const REFUSED: &[(Of, &[&str], &[Refused])] = refused! {
    Bucket [] POST PostObject;
    Account ["max-directory-buckets"] GET ListDirectoryBuckets;
    Bucket ["abac"] GET GetBucketAbac, PUT PutBucketAbac;
    Bucket ["accelerate"] GET GetBucketAccelerateConfiguration, PUT PutBucketAccelerateConfiguration;
    Bucket ["acl"] GET GetBucketAcl, PUT PutBucketAcl;
    Bucket ["analytics"] GET ListBucketAnalyticsConfigurations;
    Bucket ["analytics", "id"]
        DELETE DeleteBucketAnalyticsConfiguration, GET GetBucketAnalyticsConfiguration,
        PUT PutBucketAnalyticsConfiguration;
    Bucket ["cors"] DELETE DeleteBucketCors, GET GetBucketCors, PUT PutBucketCors;
    Bucket ["encryption"] DELETE DeleteBucketEncryption, GET GetBucketEncryption, PUT PutBucketEncryption;
    Bucket ["intelligent-tiering"] GET ListBucketIntelligentTieringConfigurations;
    Bucket ["intelligent-tiering", "id"]
        DELETE DeleteBucketIntelligentTieringConfiguration, GET GetBucketIntelligentTieringConfiguration,
        PUT PutBucketIntelligentTieringConfiguration;
    Bucket ["inventory"] GET ListBucketInventoryConfigurations;
    Bucket ["inventory", "id"]
        DELETE DeleteBucketInventoryConfiguration, GET GetBucketInventoryConfiguration,
        PUT PutBucketInventoryConfiguration;
    Bucket ["lifecycle"]
        DELETE DeleteBucketLifecycle, GET GetBucketLifecycleConfiguration, PUT PutBucketLifecycleConfiguration;
    Bucket ["logging"] GET GetBucketLogging, PUT PutBucketLogging;
    Bucket ["metadataAnnotationTable"] PUT UpdateBucketMetadataAnnotationTableConfiguration;
    Bucket ["metadataConfiguration"]
        DELETE DeleteBucketMetadataConfiguration, GET GetBucketMetadataConfiguration,
        POST CreateBucketMetadataConfiguration;
    Bucket ["metadataInventoryTable"] PUT UpdateBucketMetadataInventoryTableConfiguration;
    Bucket ["metadataJournalTable"] PUT UpdateBucketMetadataJournalTableConfiguration;
    Bucket ["metadataTable"]
        DELETE DeleteBucketMetadataTableConfiguration, GET GetBucketMetadataTableConfiguration,
        POST CreateBucketMetadataTableConfiguration;
    Bucket ["metrics"] GET ListBucketMetricsConfigurations;
    Bucket ["metrics", "id"]
        DELETE DeleteBucketMetricsConfiguration, GET GetBucketMetricsConfiguration,
        PUT PutBucketMetricsConfiguration;
    Bucket ["notification"] GET GetBucketNotificationConfiguration, PUT PutBucketNotificationConfiguration;
    Bucket ["object-lock"] GET GetObjectLockConfiguration, PUT PutObjectLockConfiguration;
    Bucket ["ownershipControls"]
        DELETE DeleteBucketOwnershipControls, GET GetBucketOwnershipControls, PUT PutBucketOwnershipControls;
    Bucket ["policy"] DELETE DeleteBucketPolicy, GET GetBucketPolicy, PUT PutBucketPolicy;
    Bucket ["policyStatus"] GET GetBucketPolicyStatus;
    Bucket ["publicAccessBlock"] DELETE DeletePublicAccessBlock, GET GetPublicAccessBlock, PUT PutPublicAccessBlock;
    Bucket ["replication"] DELETE DeleteBucketReplication, GET GetBucketReplication, PUT PutBucketReplication;
    Bucket ["requestPayment"] GET GetBucketRequestPayment, PUT PutBucketRequestPayment;
    Bucket ["session"] GET CreateSession;
    Bucket ["tagging"] DELETE DeleteBucketTagging, GET GetBucketTagging, PUT PutBucketTagging;
    Bucket ["versioning"] PUT PutBucketVersioning;
    Bucket ["website"] DELETE DeleteBucketWebsite, GET GetBucketWebsite, PUT PutBucketWebsite;
    Object ["acl"] GET GetObjectAcl, PUT PutObjectAcl;
    Object ["annotation"] GET ListObjectAnnotations;
    Object ["annotation", "annotationName"]
        DELETE DeleteObjectAnnotation, GET GetObjectAnnotation, PUT PutObjectAnnotation;
    Object ["encryption"] PUT UpdateObjectEncryption;
    Object ["legal-hold"] GET GetObjectLegalHold, PUT PutObjectLegalHold;
    Object ["renameObject"] PUT RenameObject;
    Object ["restore"] POST RestoreObject;
    Object ["retention"] GET GetObjectRetention, PUT PutObjectRetention;
    Object ["select", "select-type=2"] POST SelectObjectContent;
    Object ["torrent"] GET GetObjectTorrent;
};
